"""Which worker ran which task when, as a chart of characters and as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TICK_COLUMNS = 8
KILLED = "x"


@dataclass(frozen=True)
class TaskRun:
    """
    One execution of a task; a task that is delivered twice has two.

    Attributes:
        id: The task's id.
        arguments: The positional and the named ones, as text.
        node: The worker's node name, `celery@HOST`.
        received, started, ended: Seconds since the epoch, by the worker's clock; None if that has
            not happened.
        state: `RECEIVED`, `STARTED`, or the state that it ended in.
        killed: When its worker was killed, or sent its last event before a new worker took its
            place, in the same seconds; None if neither happened.
    """

    id: str
    name: str
    arguments: str
    node: str
    received: float | None = None
    started: float | None = None
    ended: float | None = None
    state: str = "RECEIVED"
    killed: float | None = None

    @property
    def is_killed(self) -> bool:
        """Whether it began and will never end, because its worker is gone."""
        return self.started is not None and self.ended is None and self.killed is not None

    @property
    def span(self) -> tuple[float, float]:
        """Start and end, in seconds since the epoch; the execution has finished or was killed."""
        end = self.killed if self.is_killed else self.ended
        assert self.started is not None and end is not None
        return self.started, end


@dataclass(frozen=True)
class Lane:
    """The executions in one slot of a worker, in order; slots count from 1."""

    node: str
    slot: int
    runs: tuple[TaskRun, ...]


@dataclass(frozen=True)
class Timeline:
    """
    The executions of a recording, in the order of their start.

    An event names a worker's node and main process, but not the pool process. The slots of a node
    are therefore inferred from the executions that overlap; each is drawn as a lane.

    Attributes:
        labels: Host name to the name that a chart shows instead.
    """

    runs: tuple[TaskRun, ...]
    labels: Mapping[str, str]

    @property
    def finished(self) -> tuple[TaskRun, ...]:
        """The executions that have begun and ended."""
        return tuple(r for r in self.runs if r.started is not None and r.ended is not None)

    @property
    def killed(self) -> tuple[TaskRun, ...]:
        """The executions that had begun when their worker was killed."""
        return tuple(run for run in self.runs if run.is_killed)

    @property
    def drawn(self) -> tuple[TaskRun, ...]:
        """The executions that have a span: those that finished and those that were killed."""
        return self.finished + self.killed

    @property
    def begin(self) -> float:
        """When the first execution began, in seconds since the epoch; 0 if there is none."""
        return min((run.span[0] for run in self.drawn), default=0.0)

    @property
    def seconds(self) -> float:
        """The seconds from the first start to the last end."""
        return max((run.span[1] for run in self.drawn), default=0.0) - self.begin

    def at_once(self) -> int:
        """Return the largest number of executions that ran at the same time."""
        changes = sorted(
            change for run in self.drawn for change in ((run.span[0], 1), (run.span[1], -1))
        )
        most = running = 0
        for _, change in changes:
            running += change
            most = max(most, running)
        return most

    def lanes(self) -> list[Lane]:
        """Sort each node's executions into the fewest slots in which none overlap."""
        slots: dict[str, list[list[TaskRun]]] = {}
        for run in sorted(self.drawn, key=lambda run: run.span):
            rows = slots.setdefault(run.node, [])
            for row in rows:
                with_it = row[-1].is_killed and row[-1].killed == run.killed
                if row[-1].span[1] <= run.span[0] and not with_it:
                    row.append(run)
                    break
            else:
                rows.append([run])
        return [
            Lane(node, slot, tuple(row))
            for node in sorted(slots, key=self._label)
            for slot, row in enumerate(slots[node], start=1)
        ]

    def _label(self, node: str) -> str:
        return self.labels.get(node.partition("@")[2], node)

    def label(self, lane: Lane) -> str:
        """Return the name of a lane: the node's, with the slot if the node has several."""
        several = sum(other.node == lane.node for other in self.lanes()) > 1
        return self._label(lane.node) + (f" slot {lane.slot}" if several else "")

    def chart(self, width: int = 60, ascii_only: bool = False) -> str:
        """
        Draw the lanes with characters, one line for each, above an axis in seconds.

        Two shades alternate, so that the border between neighbours shows. A killed execution ends
        with a cross.

        Args:
            width: Columns of the whole chart.
            ascii_only: Whether to draw with `#` and `=` instead of blocks.
        """
        lanes = self.lanes()
        if not lanes:
            return "no task ran"
        names = [self.label(lane) for lane in lanes]
        margin = max(map(len, names)) + 1
        columns = max(10, width - margin - 3)  # the axis ends with a number and its unit
        scale = columns / (self.seconds or 1.0)
        shades = "#=" if ascii_only else "█▒"
        lines = []
        for name, lane in zip(names, lanes, strict=True):
            cells = [" "] * columns
            for number, run in enumerate(lane.runs):
                started, ended = run.span
                first = min(columns - 1, int((started - self.begin) * scale))
                last = min(columns, max(first + 1, round((ended - self.begin) * scale)))
                cells[first:last] = shades[number % 2] * (last - first)
                if run.is_killed:
                    cells[last - 1] = KILLED
            lines.append(f"{name:<{margin}}{''.join(cells)}".rstrip())
        return "\n".join([*lines, " " * margin + _axis(columns, self.seconds)])

    def picture(self, other: Timeline | None = None) -> Figure:
        """
        Draw the lanes with matplotlib; a second timeline is drawn below, on the same scale.

        The data of the picture is `lanes()`.
        """
        from matplotlib import pyplot

        shown = [self] if other is None else [self, other]
        heights = [max(1, len(timeline.lanes())) for timeline in shown]
        figure, axes = pyplot.subplots(
            len(shown),
            figsize=(7, 0.8 + 0.5 * sum(heights)),
            sharex=True,
            squeeze=False,
            gridspec_kw={"height_ratios": heights},
            layout="constrained",
        )
        for timeline, axis in zip(shown, axes[:, 0], strict=True):
            timeline._draw(axis)
        axes[-1, 0].set_xlabel("seconds since the first start")
        return figure

    def _draw(self, axis: Any) -> None:
        lanes = self.lanes()
        for row, lane in enumerate(lanes):
            spans = [(run.span[0] - self.begin, run.span[1] - run.span[0]) for run in lane.runs]
            colours = ["#2f6f9f" if run.state == "SUCCESS" else "#b5493b" for run in lane.runs]
            axis.broken_barh(spans, (row - 0.35, 0.7), color=colours, edgecolor="white")
            ends = [run.span[1] - self.begin for run in lane.runs if run.is_killed]
            axis.plot(ends, [row] * len(ends), "kx", markersize=12, markeredgewidth=3)
        axis.set_yticks(range(len(lanes)), [self.label(lane) for lane in lanes])
        axis.invert_yaxis()
        axis.spines[["top", "right"]].set_visible(False)


def _axis(columns: int, seconds: float) -> str:
    """Return an axis with as many round numbers of seconds as fit."""
    steps = (base * 10**power for power in range(-4, 6) for base in (1, 2, 5))
    step = next(step for step in steps if seconds / step <= columns / TICK_COLUMNS)
    cells = [" "] * (columns + 1)
    number = 0
    while number * step <= seconds:
        text = f"{number * step:g}"
        at = int(number * step / (seconds or 1.0) * columns)
        if at + len(text) <= len(cells):
            cells[at : at + len(text)] = text
        number += 1
    return "".join(cells).rstrip() + " s"
