"""Files: whatever ends a write, either the old or the new content is on the disk."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from taskyard.files import ROOT, free_name, recover, renew, write

OLD, NEW, SAVED = b"old\n", b"new\n", b"saved\n"


class Killed(BaseException):
    """Stands for SIGKILL: no handler of the code under test catches it."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with the old content."""
    file = tmp_path / "tasks.py"
    file.write_bytes(OLD)
    return file


@pytest.fixture
def no_hard_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse hard links, as exFAT and some network shares do."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", refuse)


def contents(folder: Path) -> dict[str, bytes]:
    """Return what every file of a folder holds, by its name."""
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}


def is_old(held: bytes | None) -> bool:
    return held == OLD


def killed_at(call: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise Killed instead of making the n-th call that changes a folder, where n is `call`."""
    numbers = count(1)
    for name in ("link", "rename", "replace", "unlink"):
        real: Callable[..., None] = getattr(os, name)

        def counted(*args: object, real: Callable[..., None] = real, **options: object) -> None:
            if next(numbers) == call:
                raise Killed
            real(*args, **options)

        monkeypatch.setattr(os, name, counted)


def every_kill(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> Iterator[int]:
    """Repeat some work, killed one call later each time, until it is not killed."""
    for call in count(1):
        with monkeypatch.context() as patch:
            killed_at(call, patch)
            try:
                work()
            except Killed:
                pass
            else:
                return
        yield call


def test_the_root_is_the_repository() -> None:
    """It does not depend on the working directory."""
    assert (ROOT / "src" / "taskyard" / "files.py").is_file()


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600])
def test_a_file_is_written_with_its_mode_and_its_folders(tmp_path: Path, mode: int) -> None:
    """The umask does not matter, and no other file is left."""
    path = tmp_path / "a" / "b" / "run.sh"
    write(path, NEW, mode)
    assert {"run.sh": NEW} == contents(path.parent)
    assert mode == stat.S_IMODE(path.stat().st_mode)


def test_a_killed_write_leaves_the_old_content(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new content takes the name in one step; the next write finishes the work."""
    kills = 0
    for kills in every_kill(monkeypatch, lambda: write(path, NEW)):  # noqa: B007
        assert OLD == path.read_bytes()
    assert kills >= 1
    assert {path.name: NEW} == contents(path.parent)


def test_a_known_file_is_renewed(path: Path) -> None:
    """`is_known` is asked about the bytes that are replaced."""
    assert renew(path, is_old, NEW, 0o755)
    assert {path.name: NEW} == contents(path.parent)
    assert 0o755 == stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_removed_in_the_same_way(path: Path) -> None:
    """No new content means no file."""
    assert renew(path, is_old, None)
    assert {} == contents(path.parent)


def test_what_somebody_else_wrote_stays(path: Path) -> None:
    """It is neither replaced nor removed, and no other file is left."""
    path.write_bytes(SAVED)
    assert not renew(path, is_old, NEW)
    assert not renew(path, is_old, None)
    assert {path.name: SAVED} == contents(path.parent)


def test_a_file_that_is_not_there_is_asked_about_as_none(path: Path) -> None:
    """It is written if that is expected, and only then."""
    path.unlink()
    assert not renew(path, is_old, NEW)
    assert {} == contents(path.parent)
    assert renew(path, lambda held: held is None, NEW)
    assert {path.name: NEW} == contents(path.parent)


def test_a_folder_in_the_place_of_a_file_is_put_back(path: Path) -> None:
    """All that it holds is kept, and the caller reports the error."""
    path.unlink()
    write(path / "inside", SAVED)
    with pytest.raises(IsADirectoryError):
        renew(path, is_old, NEW)
    assert {"inside": SAVED} == contents(path)


@pytest.mark.parametrize("links", ["hard links", "none"])
def test_a_save_during_a_renewal_is_kept(
    path: Path, links: str, request: pytest.FixtureRequest
) -> None:
    """The saved file keeps the name; of an unknown old one, a copy lies beside it."""
    if links == "none":
        request.getfixturevalue("no_hard_links")

    def saved_and(answer: bool) -> Callable[[bytes | None], bool]:
        def is_known(held: bytes | None) -> bool:
            path.write_bytes(SAVED)
            return answer

        return is_known

    assert not renew(path, saved_and(False), NEW)
    assert {path.name: SAVED, "tasks.py.1": OLD} == contents(path.parent)
    assert not renew(path, saved_and(True), NEW)
    assert SAVED == path.read_bytes()
    assert sorted([SAVED, OLD, SAVED]) == sorted(contents(path.parent).values())


@pytest.mark.parametrize("links", ["hard links", "none"])
@pytest.mark.parametrize("content", [NEW, None], ids=["renewed", "removed"])
def test_a_killed_renewal_loses_nothing(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    links: str,
    content: bytes | None,
    request: pytest.FixtureRequest,
) -> None:
    """After `recover` the file is the old one or the new one, whichever call was the last."""
    if links == "none":
        request.getfixturevalue("no_hard_links")
    kills = 0
    for kills in every_kill(monkeypatch, lambda: renew(path, is_old, content)):  # noqa: B007
        recover(path)
        assert path.read_bytes() in (OLD, NEW) if path.exists() else content is None
        for one in path.parent.iterdir():
            one.unlink()
        path.write_bytes(OLD)
    assert kills >= 2


def test_recovery_never_overwrites(path: Path) -> None:
    """If there is a new file of that name, the old one is kept under another name."""
    aside = path.with_name(".tasks.py.aside")
    recover(path)
    assert {path.name: OLD} == contents(path.parent)
    aside.write_bytes(SAVED)
    recover(path)
    assert {path.name: OLD, "tasks.py.1": SAVED} == contents(path.parent)
    path.unlink()
    aside.write_bytes(NEW)
    recover(path)
    assert {path.name: NEW, "tasks.py.1": SAVED} == contents(path.parent)


def test_a_free_name_is_one_that_nothing_has(path: Path) -> None:
    """Even a broken link takes a name; gaps between names are used."""
    assert path.with_name("tasks.py.1") == free_name(path)
    path.with_name("tasks.py.1").symlink_to("nowhere")
    path.with_name("tasks.py.2").mkdir()
    path.with_name("tasks.py.4").touch()
    assert path.with_name("tasks.py.3") == free_name(path)
    assert path.with_name("tasks.py.1.json") == free_name(path, ".json")
