"""What is in Redis and who ran what, seen on lab 01's own stack with a real worker."""

from __future__ import annotations

from collections.abc import Iterator
from socket import gethostname

import pytest
import redis
from celery import Celery

from taskyard.course import Course
from taskyard.kit.queue import look, wait_for
from taskyard.kit.recorder import NoWorkerError, Recorder
from taskyard.kit.stack import Stack

HOLD = """

@app.task
def hold(key):
    app.backend.client.blpop(key)
"""

pytestmark = pytest.mark.xdist_group("recording")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("recording") / "lab"
    Course.discover().lab("first-task").assemble("solution", folder)
    tasks = folder / "tasks.py"
    tasks.write_text(tasks.read_text() + HOLD)
    with Stack(folder, "local") as stack:
        yield stack


@pytest.fixture
def app(stack: Stack) -> Celery:
    """A producer outside the stack that knows the task by its name alone."""
    return Celery(broker=stack.url("redis"), backend=stack.url("redis", 1), set_as_current=False)


def test_an_empty_redis_is_quiet(stack: Stack) -> None:
    """Without a key there is no queue, no message and no result."""
    seen = look(stack.url("redis", 5), stack.url("redis", 6))
    assert (dict(seen.waiting), seen.unacknowledged, seen.results) == ({}, (), ())
    assert seen.is_quiet


def test_waiting_messages_come_in_the_order_in_which_they_are_taken(
    stack: Stack, app: Celery
) -> None:
    """The first that was sent is the first of the view, and carries its arguments."""
    for number in range(3):
        app.send_task("tasks.send_email", (f"{number}@example.com",), queue="nobody-reads")
    messages = look(stack.url("redis")).waiting["nobody-reads"]
    assert [message.arguments for message in messages] == [
        f"('{number}@example.com',)" for number in range(3)
    ]
    assert {message.task for message in messages} == {"tasks.send_email"}
    assert {message.origin.partition("@")[2] for message in messages} == {gethostname()}
    redis.Redis.from_url(stack.url("redis")).delete("nobody-reads")


def test_a_result_tells_whether_it_expires(stack: Stack) -> None:
    """Celery gives it a day; a key that never expires looks different."""
    backend = redis.Redis.from_url(stack.url("redis", 7))
    ends_s = backend.time()[0] + 100
    backend.set("celery-task-meta-a", '{"status": "SUCCESS"}', exat=ends_s)
    backend.set("celery-task-meta-b", '{"status": "FAILURE"}')
    first, second = look(stack.url("redis", 7)).results
    assert (first.id, first.state, second.state) == ("a", "SUCCESS", "FAILURE")
    left_s = ends_s - backend.time()[0]
    assert first.expires_s is not None and left_s - 1 <= first.expires_s <= 100
    assert second.expires_s is None


def test_a_wait_that_ends_at_its_deadline_says_what_was_there(stack: Stack) -> None:
    """The message has the counts of the last look."""
    with pytest.raises(TimeoutError, match=r"waiting \{\}, unacknowledged 0, results 0"):
        wait_for(lambda seen: bool(seen.results), stack.url("redis", 5), timeout_s=0.2)


def test_a_recorder_hears_every_execution_from_the_first_on(stack: Stack, app: Celery) -> None:
    """Nothing is missed although Redis forgets events that nobody listens to."""
    labels = {replica.hostname: replica.name for replica in stack.ps()}
    with Recorder(stack.url("redis"), workers=1, labels=labels) as recorder:
        sent = [app.send_task("tasks.send_email", (f"{n}@example.com",)).id for n in range(4)]
        timeline = recorder.wait(ended=4)
    assert {run.id for run in timeline.finished} == set(sent)
    assert {run.name for run in timeline.runs} == {"tasks.send_email"}
    assert timeline.at_once() == 2
    assert [timeline.label(lane) for lane in timeline.lanes()] == [
        "worker-1 slot 1",
        "worker-1 slot 2",
    ]


def test_a_recorder_says_which_workers_are_missing(stack: Stack) -> None:
    """Two are expected, one is there: the error names it."""
    with (
        pytest.raises(NoWorkerError, match=r"for 2 workers to answer; saw \['celery@worker-1'\]"),
        Recorder(stack.url("redis"), workers=2, timeout_s=2.0),
    ):
        pass


def test_a_recorder_that_waits_in_vain_says_what_it_saw(stack: Stack) -> None:
    """The deadline names the count that was waited for."""
    with (
        Recorder(stack.url("redis"), workers=1) as recorder,
        pytest.raises(TimeoutError, match=r"waited [\d.]+ s for 3 executions to end; saw nothing"),
    ):
        recorder.wait(ended=3, timeout_s=0.2)


def test_the_recording_of_a_chapter_is_drawn_from_the_lanes(stack: Stack, app: Celery) -> None:
    """The picture's bars are the timeline's executions, and its rows the lanes."""
    with Recorder(stack.url("redis"), workers=1) as recorder:
        for number in range(3):
            app.send_task("tasks.send_email", (f"{number}@example.com",))
        timeline = recorder.wait(ended=3)
    (axis,) = timeline.picture().axes
    bars = [path for collection in axis.collections for path in collection.get_paths()]
    assert len(bars) == len(timeline.finished)
    assert len(axis.get_yticks()) == len(timeline.lanes())


def test_what_a_killed_worker_ran_is_recorded_as_killed(stack: Stack, app: Celery) -> None:
    """`note_kill` records it, or at the latest the worker's new start; a first end is kept."""
    with Recorder(stack.url("redis"), workers=1) as recorder:
        for name in ("one", "two"):
            app.send_task("tasks.hold", (name,))
        recorder.wait_for(lambda seen: sum(bool(run.started) for run in seen.runs) == 2, "both")
        stack.kill("worker")
        stack.start("worker")
        timeline = recorder.wait_for(lambda seen: len(seen.killed) == 2, "the worker to come back")
        recorder.note_kill()
        assert recorder.timeline() == timeline
    assert [run.state for run in timeline.killed] == ["STARTED", "STARTED"]
    assert [len(lane.runs) for lane in timeline.lanes()] == [1, 1]
    assert timeline.finished == ()


def test_a_kill_that_was_noted_is_seen_before_the_worker_comes_back(
    stack: Stack, app: Celery
) -> None:
    """An execution that ends after all was not killed."""
    with Recorder(stack.url("redis"), workers=1) as recorder:
        app.send_task("tasks.hold", ("let-go",))
        recorder.wait_for(lambda seen: bool(seen.runs and seen.runs[0].started), "a task to begin")
        recorder.note_kill()
        (run,) = recorder.timeline().killed
        assert run.span[0] < run.span[1]
        redis.Redis.from_url(stack.url("redis", 1)).rpush("let-go", "")
        assert recorder.wait(ended=1).killed == ()
