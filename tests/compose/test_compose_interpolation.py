"""Variables in a Compose file and lines of an environment file."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskyard.compose.envfile import parse_env, read_env_file
from taskyard.compose.interpolation import Interpolation
from taskyard.compose.mistake import Mistake

SET = {"SET": "set", "OTHER": "other", "EMPTY": "", "_x1": "underscore"}


def fill(text: str) -> str:
    return Interpolation(SET.get).fill(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nothing to fill", "nothing to fill"),
        ("$SET", "set"),
        ("${SET}", "set"),
        ("a-$SET-b", "a-set-b"),
        ("$SET$OTHER${SET}", "setotherset"),
        ("$_x1", "underscore"),
        ("$UNSET|${UNSET}", "|"),
        ("${SET:-d}", "set"),
        ("${EMPTY:-d}", "d"),
        ("${UNSET:-d}", "d"),
        ("${SET-d}", "set"),
        ("${EMPTY-d}", ""),
        ("${UNSET-d}", "d"),
        ("${UNSET-}", ""),
        ("${SET:+a}", "a"),
        ("${EMPTY:+a}", ""),
        ("${UNSET:+a}", ""),
        ("${SET+a}", "a"),
        ("${EMPTY+a}", "a"),
        ("${UNSET+a}", ""),
        ("${SET:?m}", "set"),
        ("${EMPTY?m}", ""),
        ("${UNSET:-${OTHER}}", "other"),
        ("${UNSET:-$OTHER}", "other"),
        ("${UNSET:-${EMPTY:-${UNSET-deep}}}", "deep"),
        ("${UNSET:-a}${UNSET:-b}", "ab"),
        ("${UNSET:-a}b}", "ab}"),
        ("${UNSET:-a:b?c-d+e}", "a:b?c-d+e"),
        ("${UNSET:- spaces }", " spaces "),
        ("${UNSET:-two\nlines}", "two\nlines"),
        ('${UNSET:-{"a": {"b": 1}}}', '{"a": {"b": 1}}'),
        ("${UNSET:-{x}", "{x"),
        ("$$SET", "$SET"),
        ("$${SET}", "${SET}"),
        ("$$$SET", "$set"),
        ("$$$$", "$$"),
        ("${UNSET:-$$}", "$"),
        ("costs 5$, $1 and $ 2", "costs 5$, $1 and $ 2"),
    ],
)
def test_variables_are_filled_in_as_in_compose(text: str, expected: str) -> None:
    """Each form gives what Compose gives."""
    assert fill(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${UNSET:?}", "the variable `UNSET` is not set"),
        ("${UNSET?say it}", "the variable `UNSET` is not set: say it"),
        ("${EMPTY:?say $OTHER}", "the variable `EMPTY` is empty: say other"),
        ("${UNSET:-${UNSET:?inner}}", "the variable `UNSET` is not set: inner"),
        ("${SET:-${UNSET:?even so}}", "the variable `UNSET` is not set: even so"),
        ("${SET", "`${SET` has no closing brace"),
        ("a ${SET:-${OTHER}", "has no closing brace"),
        ("${}", "`${}` is not a variable that Compose can read"),
        ("${1}", "`${1}` is not a variable"),
        ("${#SET}", "`${#SET}` is not a variable"),
        ("${SET/a/b}", "`${SET/a/b}` is not a variable"),
        ("${SET:=d}", "`${SET:=d}` is not a variable"),
        ("${ SET }", "`${ SET }` is not a variable"),
    ],
)
def test_a_variable_that_cannot_be_filled_in_is_an_error(text: str, message: str) -> None:
    """The message names the variable and the hint says what to write."""
    with pytest.raises(Mistake) as caught:
        fill(text)
    assert message in str(caught.value)
    assert "`" in caught.value.hint


def test_unset_variables_are_remembered() -> None:
    """A variable with a default is not among them."""
    interpolation = Interpolation(SET.get)
    interpolation.fill("$A ${B} ${C:-c} $SET ${D:-$E}")
    assert interpolation.unset == {"A", "B", "E"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A=1", "1"),
        ("A = 1 ", "1"),
        ("A: 1", "1"),
        ("export A=1", "1"),
        ("A=", ""),
        ("A=a b # comment", "a b"),
        ("A=a#b", "a#b"),
        ("A= # kept", "# kept"),
        ("A='a b' # comment", "a b"),
        ('A="a  "', "a  "),
        ('A="a\\tb\\nc\\\\d\\x\\0101"', "a\tb\nc\\d\\xA"),
        ("A='it\\'s \\n'", "it's \\n"),
        ('A="say \\"hi\\""', 'say "hi"'),
        ('A="first\nsecond"', "first\nsecond"),
        ("A=it's", "it's"),
        ("A=$OTHER", "other"),
        ("A='$OTHER'", "$OTHER"),
        ('A="$OTHER \\$OTHER"', "other $OTHER"),
        ("A=$$OTHER", "$OTHER"),
        ("A=${UNSET:-d}", "d"),
        ("B=b\nA=$B", "b"),
        ("SET=here\nA=$SET", "set"),
        ("A=1\nA=2", "2"),
        ("\n# comment\n\n  A=1", "1"),
        ("B=1\r\nA=2\r\n", "2"),
        ('A={"a": [1, 2]}', '{"a": [1, 2]}'),
    ],
)
def test_a_line_of_an_environment_file_is_read_as_compose_reads_it(
    line: str, expected: str
) -> None:
    """Quotes, comments, escapes and variables mean the same."""
    result = parse_env(line, Path("x.env"), SET.get)
    assert result.faults == []
    assert result.values["A"] == expected


def test_a_name_alone_passes_on_what_is_set_outside() -> None:
    """If nothing sets it, the name is absent."""
    result = parse_env("SET\nUNSET\nexport OTHER", Path("x.env"), SET.get)
    assert result.values == {"SET": "set", "OTHER": "other"}


def test_all_wrong_lines_are_reported_with_their_numbers() -> None:
    """One wrong line does not hide the next."""
    text = "A B=1\nGOOD=1\n=2\nC='a' b\nD=${X:?say X}\n'E'=1\nF=\"open\n"
    result = parse_env(text, Path("x.env"), SET.get)
    assert result.values == {"GOOD": "1"}
    assert [(fault.line, fault.what) for fault in result.faults] == [
        (1, "`A B=1` does not start with the name of a variable"),
        (3, "`=2` does not start with the name of a variable"),
        (4, "`b` follows the closing '"),
        (5, "the variable `X` is not set: say X"),
        (6, "`'E'=1` does not start with the name of a variable"),
        (7, 'the value that starts with " has no closing "'),
    ]
    assert all(fault.hint for fault in result.faults)


def test_a_file_that_is_not_utf_8_is_reported_with_its_line(tmp_path: Path) -> None:
    """A file in another encoding is a fault, not a traceback."""
    file = tmp_path / "x.env"
    file.write_bytes(b"A=1\nB=gr\xfc\xdfe\n")
    [fault] = read_env_file(file, SET.get).faults
    assert (fault.what, fault.path, fault.line) == ("`x.env` is not UTF-8", file, 2)


def test_a_mark_at_the_start_of_a_file_is_skipped(tmp_path: Path) -> None:
    """Some editors write a byte order mark."""
    file = tmp_path / "x.env"
    file.write_bytes(b"\xef\xbb\xbfA=1\n")
    assert read_env_file(file, SET.get).values == {"A": "1"}
