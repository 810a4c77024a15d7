"""Split a command line into words as Compose does."""

from __future__ import annotations

from dataclasses import dataclass

from taskyard.compose.mistake import Mistake

_SPACE = " \t\r\n"
_SHELL_ONLY = ";&|<>"


@dataclass(frozen=True)
class Words:
    """
    A split command line.

    Attributes:
        words: The argument list.
        dropped: The rest of the line, from the first `;`, `&`, `|`, `<` or `>`. These mean
            something to a shell alone, and Compose, which calls none, ends the command there.
    """

    words: tuple[str, ...]
    dropped: str = ""


def split(line: str) -> Words:
    r"""
    Split a command line.

    Quotes and backslashes work as in a shell, except that a backslash between double quotes escapes
    any character. `$(…)` and backticks are kept unchanged.

    Raises:
        Mistake: A quote is not closed, a bracket is outside quotes, or the line ends with a
            backslash.

    Source: `docker compose config`, which splits with mattn/go-shellwords.
    """
    words: list[str] = []
    word: str | None = None
    closing = ""  # the character that ends the quotation that has begun
    signs = iter(enumerate(line))
    for place, sign in signs:
        if sign == "\\" and closing != "'":
            _, after = next(signs, (0, ""))
            if not after:
                raise Mistake("the command ends with a backslash", "remove the backslash")
            word = (word or "") + after
        elif closing:
            if sign != closing:
                word = (word or "") + sign
            elif sign in ("`", ")"):
                word, closing = (word or "") + sign, ""
            else:
                word, closing = word or "", ""
        elif sign in ("'", '"'):
            word, closing = word or "", sign
        elif sign == "`":
            word, closing = (word or "") + sign, sign
        elif sign == "(" and word is not None and word.endswith("$"):
            word, closing = word + sign, ")"
        elif sign in "()":
            raise Mistake(
                f"the command has a `{sign}` outside quotes",
                "put the part with the brackets into quotes",
            )
        elif sign in _SPACE:
            if word is not None:
                words.append(word)
            word = None
        elif sign in _SHELL_ONLY:
            if sign == ">" and word is not None and word.isdecimal():
                word = None  # `2>` is a redirection too
            return Words((*words, word) if word is not None else tuple(words), line[place:])
        else:
            word = (word or "") + sign
    if closing:
        raise Mistake(
            f"the command has no closing `{closing}`" if closing != "`" else "a backtick is open",
            'close the quotation, or write the command as a list: `["python", "app.py"]`',
        )
    return Words((*words, word) if word is not None else tuple(words))
