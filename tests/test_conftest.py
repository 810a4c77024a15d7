"""What the root conftest.py does: the closing count, what needs what, what stays together."""

from __future__ import annotations

from pathlib import Path

import pytest

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
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # nbval's imports alone take seconds
    monkeypatch.setenv("PYTEST_PLUGINS", "xdist.plugin")
    (pytester.path / "tests").mkdir()
    for name in ("conftest.py", "pyproject.toml", "tests/proved.py"):
        (pytester.path / name).write_bytes((ROOT / name).read_bytes())
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
