"""Read a typed line, with a deadline for its first key and none for the others."""

from __future__ import annotations

import codecs
import os
import select
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.cells import cell_len

END = "\r\n\x04"
ERASE = "\x7f\b"
ERASE_ALL = "\x15"


def is_in_front(keys: TextIO) -> bool:
    """Tell whether somebody can type here; a background process that reads would be stopped."""
    try:
        return keys.isatty() and os.tcgetpgrp(keys.fileno()) == os.getpgrp()
    except OSError:  # not a controlling terminal, so no shell puts processes in its background
        return True


def ask(question: str, keys: TextIO, screen: TextIO, timeout_s: float) -> str | None:
    """
    Ask, and read a line that is typed from the moment on at which the question can be seen.

    A terminal delivers a line only when it is complete, too late to notice that somebody is typing.
    So this reads each key as it comes, and edits the line as the terminal would.

    Args:
        keys: The terminal to read from.
        screen: Where to show the question and to echo the line.
        timeout_s: The deadline of the first key; the others have none.

    Returns:
        The line, or None if no key came.
    """
    line = ""
    decode = codecs.getincrementaldecoder("utf-8")("ignore").decode
    with _key_by_key(keys):  # which discards what was typed, so the question comes after it
        screen.write(question)
        screen.flush()
        if not select.select([keys], [], [], timeout_s)[0]:
            return None
        while typed := os.read(keys.fileno(), 1):  # leave what is typed after the line unread
            key = decode(typed)
            if key and key in END:
                break
            if key and key in ERASE + ERASE_ALL:
                erased = line[-1:] if key in ERASE else line
                line = line.removesuffix(erased)
                screen.write("\b \b" * cell_len(erased))
            elif key.isprintable():
                line += key
                screen.write(key)
            screen.flush()
    screen.write("\n")
    return line


def forget(keys: TextIO) -> None:
    """Discard what was typed and not read."""
    termios.tcflush(keys, termios.TCIFLUSH)


@contextmanager
def _key_by_key(keys: TextIO) -> Iterator[None]:
    """Discard what was typed, and deliver each key at once; Ctrl-C and Ctrl-Z still work."""
    before = termios.tcgetattr(keys)
    tty.setcbreak(keys, termios.TCSAFLUSH)
    try:
        yield
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)
