"""Timelines: what the lanes, the count and the chart say about executions; no worker is needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from taskyard.kit.timeline import TaskRun, Timeline


def run(node: str, started: float, ended: float | None, state: str = "SUCCESS") -> TaskRun:
    return TaskRun(
        f"{node}-{started}", "work", "()", f"celery@{node}", started, started, ended, state
    )


def killed(node: str, started: float, at: float) -> TaskRun:
    return replace(run(node, started, None, "STARTED"), killed=at)


def timeline(*runs: TaskRun) -> Timeline:
    return Timeline(runs, {"host-a": "worker-1", "host-b": "worker-2"})


def test_executions_that_do_not_overlap_share_a_lane() -> None:
    """Three in a row on one node are one slot."""
    lanes = timeline(run("host-a", 0, 1), run("host-a", 1, 2), run("host-a", 2.5, 3)).lanes()
    assert [(lane.node, lane.slot, len(lane.runs)) for lane in lanes] == [("celery@host-a", 1, 3)]


def test_executions_that_overlap_have_lanes_of_their_own() -> None:
    """Two at once on one node are two slots, whatever process ran them."""
    both = timeline(run("host-a", 0, 2), run("host-a", 1, 3), run("host-a", 2, 4))
    assert [len(lane.runs) for lane in both.lanes()] == [2, 1]
    assert [both.label(lane) for lane in both.lanes()] == ["worker-1 slot 1", "worker-1 slot 2"]


def test_lanes_are_in_the_order_of_the_replicas() -> None:
    """A chart names replicas and not host names."""
    both = timeline(run("host-b", 0, 1), run("host-a", 0.5, 1))
    assert [both.label(lane) for lane in both.lanes()] == ["worker-1", "worker-2"]


def test_an_unknown_host_keeps_its_node_name() -> None:
    """A worker outside the stack is not hidden."""
    other = timeline(run("elsewhere", 0, 1))
    assert [other.label(lane) for lane in other.lanes()] == ["celery@elsewhere"]


@pytest.mark.parametrize(
    ("spans", "most"),
    [
        ([], 0),
        ([(0, 1)], 1),
        ([(0, 1), (1, 2)], 1),
        ([(0, 2), (1, 3), (1.5, 1.6)], 3),
        ([(0, 5), (1, 2), (3, 4)], 2),
    ],
)
def test_at_once_counts_the_most_that_overlap(spans: list[tuple[float, float]], most: int) -> None:
    """An execution that begins where another ends does not overlap it."""
    runs = [run(f"host-{place}", *span) for place, span in enumerate(spans)]
    assert timeline(*runs).at_once() == most


def test_an_execution_that_has_not_ended_is_not_drawn() -> None:
    """What still runs has no length yet."""
    unfinished = timeline(run("host-a", 0, 1), run("host-a", 1, None, "STARTED"))
    assert len(unfinished.runs) == 2
    assert len(unfinished.finished) == 1


def test_an_execution_that_was_killed_is_drawn_and_not_finished() -> None:
    """It began, it can never end, and it took its slot as long as its worker lived."""
    both = timeline(killed("host-a", 0, 2), run("host-a", 3, 4))
    assert [one.started for one in both.killed] == [0]
    assert [one.started for one in both.finished] == [3]
    assert [len(lane.runs) for lane in both.lanes()] == [2]
    assert (both.begin, both.seconds) == (0, 4)


def test_a_killed_execution_overlaps_what_ran_beside_it() -> None:
    """Two at once are two, whether or not they came to an end."""
    assert timeline(killed("host-a", 0, 2), killed("host-a", 1, 2)).at_once() == 2


def test_what_was_killed_at_one_moment_ran_in_lanes_of_its_own() -> None:
    """A worker that was last heard of when its second task began was running both."""
    both = timeline(killed("host-a", 0, 1), killed("host-a", 1, 1), run("host-a", 3, 4))
    assert [len(lane.runs) for lane in both.lanes()] == [2, 1]


def test_a_task_that_its_worker_had_only_received_is_not_drawn() -> None:
    """A worker that is killed had begun some of its tasks and not others."""
    waits = TaskRun("waits", "work", "()", "celery@host-a", received=0, killed=2)
    assert timeline(waits).drawn == ()


@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_chart_ends_a_killed_execution_with_a_cross(ascii_only: bool) -> None:
    """Lost, or run again: the cross tells it from one that ended."""
    lane = timeline(killed("host-a", 0, 2), run("host-a", 3, 4)).chart(52, ascii_only)
    name, first, second = lane.splitlines()[0].split()
    assert (name, first[-1], "x" in first[:-1], "x" in second) == ("worker-1", "x", False, False)


def test_the_picture_marks_what_was_killed() -> None:
    """A cross stands where a killed execution ends, and nowhere else."""
    both = timeline(killed("host-a", 0, 2), run("host-a", 3, 4), run("host-b", 0, 4))
    (axis,) = both.picture().axes
    crosses = [(list(line.get_xdata()), list(line.get_ydata())) for line in axis.lines]
    assert [point for point in crosses if point[0]] == [([2], [0])]


def test_the_chart_fits_the_width() -> None:
    """Two lanes and the axis, none wider than asked for, at 60 columns and at 40."""
    chart = timeline(run("host-a", 0, 3), run("host-b", 0, 1), run("host-b", 1, 6))
    for width in (40, 60, 120):
        lines = chart.chart(width).splitlines()
        assert len(lines) == 3
        assert max(map(len, lines)) <= width


def test_the_chart_shows_length_and_neighbours() -> None:
    """A lane is as long as its share of the whole time, and neighbours differ in shade."""
    first, second, axis = (
        timeline(run("host-a", 0, 2), run("host-a", 2, 4), run("host-b", 0, 1))
        .chart(52, ascii_only=True)
        .splitlines()
    )
    assert first == "worker-1 " + 20 * "#" + 20 * "="
    assert second == "worker-2 " + 10 * "#"
    assert axis.split() == ["0", "1", "2", "3", "4", "s"]


def test_the_chart_is_ascii_where_it_must_be() -> None:
    """A terminal that knows ASCII only shows the same lanes."""
    assert timeline(run("host-a", 0, 1)).chart(60, ascii_only=True).isascii()


def test_an_empty_timeline_says_so() -> None:
    """It gives a sentence, and no error."""
    assert timeline().chart() == "no task ran"
    assert timeline().seconds == 0.0


def test_the_axis_has_round_numbers_at_every_length() -> None:
    """From milliseconds to hours the axis has two numbers at least."""
    for seconds in (0.004, 0.03, 0.5, 1.0, 7.3, 59.0, 600.0, 7200.0):
        axis = timeline(run("host-a", 0, seconds)).chart(60).splitlines()[-1]
        assert len(axis.split()) >= 3, axis
