"""What the root conftest.py does: the closing count, what needs what, what stays together."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import inner_pytest
import pytest
from processes import is_alive

from taskyard.course import Course
from taskyard.deadline import until
from taskyard.files import ROOT

pytest_plugins = ["pytester"]

TESTS = """
import pytest

def test_a():
    pass

@pytest.mark.docker
def test_b():
    pass

@pytest.mark.browser
def test_c(browser):
    pass

@pytest.mark.faketime
def test_d():
    pass
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent")
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("TASKYARD_REQUIRE", raising=False)
    inner_pytest.lay_out(pytester, monkeypatch)
    for path in (Path("tests", "test_queue_view.py"), Path("tests", "engine", "test_contract.py")):
        target = pytester.path / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(TESTS)
    return pytester


def test_kinds_are_counted_and_a_skipped_kind_has_its_reason(run: pytest.Pytester) -> None:
    result = run.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, skipped=6)
    result.stdout.fnmatch_lines(
        [
            "*what ran*",
            "engine               1 passed, 1 skipped",
            "engine in a browser  1 skipped",
            "engine on Docker     1 skipped",
            "queue                1 passed, 1 skipped",
            "queue in a browser   1 skipped",
            "queue on Docker      1 skipped",
            "skipped: 1 of engine, because: no faketime: *",
            "skipped: 1 of engine in a browser, because: no browser: *",
            "skipped: 1 of engine on Docker, because: no Docker: *",
        ]
    )


@pytest.mark.parametrize(
    ("words", "failed", "said"),
    [
        ("docker", 2, ["Docker"]),
        ("browser", 2, ["browser"]),
        ("faketime", 2, ["faketime"]),
        ("docker,browser,faketime", 6, ["*"]),
    ],
)
def test_what_is_required_and_missing_fails(
    run: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    failed: int,
    said: list[str],
) -> None:
    monkeypatch.setenv("TASKYARD_REQUIRE", words)
    result = run.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, errors=failed, skipped=6 - failed)
    result.stdout.fnmatch_lines(
        [f"*no {one}: *, and TASKYARD_REQUIRE asks for it*" for one in said]
    )


def test_the_count_is_the_same_on_several_workers(run: pytest.Pytester) -> None:
    result = run.runpytest_subprocess("-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, skipped=6)
    result.stdout.fnmatch_lines(
        ["engine on Docker     1 skipped", "queue                1 passed, 1 skipped"]
    )


def test_a_group_stays_on_one_worker(run: pytest.Pytester) -> None:
    """pytest-xdist issue 1386: with some versions a group is dealt to all workers, in silence."""
    run.makepyfile(
        test_grouped="""
        import os, pytest

        pytestmark = pytest.mark.xdist_group("one")

        @pytest.mark.parametrize("number", range(12))
        def test_a(number):
            with open("workers.txt", "a") as file:
                file.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
        """
    )
    run.runpytest_subprocess("-n", "2", "--dist", "loadgroup", "test_grouped.py")
    workers = (run.path / "workers.txt").read_text().split()
    assert len(workers) == 12
    assert len(set(workers)) == 1


SEES_BUSY = """
import os, signal
from pathlib import Path

import psutil
from taskyard.deadline import until

def test_a():
    children = {of}.children(recursive=True)
    busy = [one for one in children if "os.getppid() == parent" in " ".join(one.cmdline())]
    assert len(busy) == 2
    until(lambda: all(one.status() == "running" for one in busy), "both to be busy")
    Path("busy.txt").write_text(" ".join(str(one.pid) for one in busy))
    {end}
"""


@pytest.mark.parametrize(
    ("options", "of", "end"),
    [
        pytest.param(["-n", "2"], "psutil.Process().parent()", "", id="two-workers"),
        pytest.param([], "psutil.Process()", "os.kill(os.getpid(), signal.SIGKILL)", id="killed"),
    ],
)
def test_cores_are_kept_busy_for_as_long_as_the_tests_run(
    run: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    of: str,
    end: str,
) -> None:
    """So many processes as asked for, not so many for each worker."""
    (run.path / "test_busy.py").write_text(SEES_BUSY.format(of=of, end=end))
    result = run.runpytest_subprocess(
        *options, "--busy", "2", "-p", "no:cacheprovider", "test_busy.py"
    )
    assert result.ret == (-signal.SIGKILL if end else 0)
    pids = [int(pid) for pid in (run.path / "busy.txt").read_text().split()]
    assert len(pids) == 2
    monkeypatch.setenv("PATH", os.defpath)  # on which is `ps`
    until(lambda: not any(map(is_alive, pids)), "the busy processes to end")


def test_each_round_tries_every_variant_on_every_engine(run: pytest.Pytester) -> None:
    for name in ("started.py", "content/found.py", "content/test_labs.py"):
        (run.path / "tests" / name).parent.mkdir(exist_ok=True)
        (run.path / "tests" / name).write_bytes((ROOT / "tests" / name).read_bytes())
    options = ("--collect-only", "-q", "--rounds", "2", "-p", "no:cacheprovider")
    result = run.runpytest_subprocess(*options, "tests/content/test_labs.py")
    ids = [f"{lab.slug}-{one}" for lab in Course.discover().labs for one in lab.variants]
    found = re.findall(r"::test_variant\[(.+)\]", result.stdout.str())
    assert sorted(found) == sorted(
        f"{one}-{engine}-round-{number}"
        for one in ids
        for engine in ("local", "docker")
        for number in (1, 2)
    )
