"""A line that somebody types: nobody is waited for long, and whoever has begun is not hurried."""

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
    """Tell whether somebody can type here: what reads in the background is stopped for it."""
    try:
        return keys.isatty() and os.tcgetpgrp(keys.fileno()) == os.getpgrp()
    except OSError:  # a terminal that no shell shares out
        return True


def read_line(keys: TextIO, screen: TextIO, timeout_s: float) -> str | None:
    """
    Read a line that is typed from now on.

    A terminal gives a line away when it is complete, which would be too late to see that somebody
    types. So this takes each key as it comes, and does what the terminal does for a line.

    Args:
        timeout_s: How long to wait for the first key; the others have no deadline.

    Returns:
        The line, or None if no key came.
    """
    line = ""
    decode = codecs.getincrementaldecoder("utf-8")("ignore").decode
    with _key_by_key(keys):
        if not select.select([keys], [], [], timeout_s)[0]:
            return None
        while typed := os.read(keys.fileno(), 1):  # what comes after the line stays where it is
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
    """Drop what was typed and not read."""
    termios.tcflush(keys, termios.TCIFLUSH)


@contextmanager
def _key_by_key(keys: TextIO) -> Iterator[None]:
    """Forget what was typed, and have each key from now on; Ctrl-C and Ctrl-Z are what they are."""
    before = termios.tcgetattr(keys)
    tty.setcbreak(keys, termios.TCSAFLUSH)
    try:
        yield
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)
