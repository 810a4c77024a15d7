"""Which worker ran which task when, from Celery's own events: as a chart and as a picture."""

from __future__ import annotations

import contextlib
import math
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

from celery import Celery
from celery.events.receiver import EventReceiver

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HELLO = "taskyard-hello"
STEP_S = 0.05
TICK_COLUMNS = 8
ENDS = {
    "task-succeeded": "SUCCESS",
    "task-failed": "FAILURE",
    "task-retried": "RETRY",
    "task-rejected": "REJECTED",
    "task-revoked": "REVOKED",
}


class NoWorkerError(TimeoutError):
    """Fewer workers answered than there should be."""


@dataclass(frozen=True)
class TaskRun:
    """
    One execution of one task; a task that is delivered twice has two.

    Attributes:
        arguments: The positional ones and the named ones, as a text for people.
        node: The worker's node name, `celery@HOST`.
        received, started, ended: Seconds since the epoch, by the worker's clock; None: not yet.
    """

    id: str
    name: str
    arguments: str
    node: str
    received: float | None = None
    started: float | None = None
    ended: float | None = None
    state: str = "RECEIVED"

    @property
    def span(self) -> tuple[float, float]:
        """Return start and end of a finished execution."""
        assert self.started is not None and self.ended is not None
        return self.started, self.ended


@dataclass(frozen=True)
class Lane:
    """What one slot of a worker ran, in order. Slots are inferred from overlap, from 1."""

    node: str
    slot: int
    runs: tuple[TaskRun, ...]


@dataclass(frozen=True)
class Timeline:
    """
    The executions of a recording, in the order of their start.

    An event names the node and its main process, not the pool process: a lane is a slot of a node,
    inferred from which executions overlap.
    """

    runs: tuple[TaskRun, ...]
    labels: Mapping[str, str]

    @property
    def finished(self) -> tuple[TaskRun, ...]:
        """Return the executions that have begun and ended."""
        return tuple(r for r in self.runs if r.started is not None and r.ended is not None)

    @property
    def begin(self) -> float:
        """Return when the first execution began; 0 where there is none."""
        return min((run.span[0] for run in self.finished), default=0.0)

    @property
    def seconds(self) -> float:
        """Return the time from the first start to the last end."""
        return max((run.span[1] for run in self.finished), default=0.0) - self.begin

    def at_once(self) -> int:
        """Count the most executions that overlap."""
        changes = sorted(
            change for run in self.finished for change in ((run.span[0], 1), (run.span[1], -1))
        )
        most = running = 0
        for _, change in changes:
            running += change
            most = max(most, running)
        return most

    def lanes(self) -> list[Lane]:
        """Sort the executions into the fewest slots a node in which none overlap."""
        slots: dict[str, list[list[TaskRun]]] = {}
        for run in sorted(self.finished, key=lambda run: run.span):
            rows = slots.setdefault(run.node, [])
            for row in rows:
                if row[-1].span[1] <= run.span[0]:
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
        """Name a lane: the replica, and the slot where the node has several."""
        several = sum(other.node == lane.node for other in self.lanes()) > 1
        return self._label(lane.node) + (f" slot {lane.slot}" if several else "")

    def chart(self, width: int = 60, ascii_only: bool = False) -> str:
        """
        Draw the lanes with characters, one line a lane, and the seconds below.

        Neighbours take turns in two shades, so that where one task ends and the next begins shows.
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
            lines.append(f"{name:<{margin}}{''.join(cells)}".rstrip())
        return "\n".join([*lines, " " * margin + _axis(columns, self.seconds)])

    def picture(self, other: Timeline | None = None) -> Figure:
        """
        Draw the lanes with matplotlib; a second timeline comes below, on the same scale.

        The picture's data is `lanes()`.
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
        axis.set_yticks(range(len(lanes)), [self.label(lane) for lane in lanes])
        axis.invert_yaxis()
        axis.spines[["top", "right"]].set_visible(False)


def _axis(columns: int, seconds: float) -> str:
    """Write the seconds under a chart, at round numbers, as many as fit."""
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


class Recorder:
    """
    Record the events of a broker's workers while the block runs.

    Entering it waits until this recorder hears events and each of the workers has confirmed that
    it sends them; labs need no `-E` for that.

    Args:
        broker: URL with the database.
        workers: How many nodes there are.
        labels: Host name to what a chart calls it; see `labels_of`.

    Raises:
        NoWorkerError: On entering: fewer workers confirmed in time; says which.
    """

    def __init__(
        self,
        broker: str,
        workers: int,
        labels: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        self._app = Celery("taskyard", broker=broker, set_as_current=False)
        self._workers = workers
        self._labels = labels or {}
        self._timeout_s = timeout_s
        self._runs: dict[tuple[str, str, int], TaskRun] = {}
        self._deliveries: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._heard = threading.Event()
        self._nonce = secrets.token_hex(4)
        self._connection = self._app.connection_for_read()
        self._receiver = EventReceiver(
            self._connection, handlers={"*": self._on_event}, app=self._app
        )
        self._thread = threading.Thread(target=self._capture, daemon=True)

    def __enter__(self) -> Recorder:
        self._thread.start()
        try:
            self._wait_heard()
            wait_for_workers(self._app, self._workers, "enable_events", self._timeout_s)
        except BaseException:
            self.close()
            raise
        return self

    def _wait_heard(self) -> None:
        """Redis forgets what is published before somebody listens: send until it comes back."""
        end = time.monotonic() + self._timeout_s
        while not self._heard.wait(STEP_S):
            self._send_hello()
            if time.monotonic() > end:
                raise TimeoutError(f"no event came back in {self._timeout_s:g} s")

    def _send_hello(self) -> None:
        with (
            self._app.connection_for_write() as connection,
            self._app.events.Dispatcher(connection, hostname="taskyard") as dispatcher,
        ):
            dispatcher.send(HELLO, nonce=self._nonce)

    def _capture(self) -> None:
        while not self._receiver.should_stop:
            try:
                self._receiver.capture(limit=None, timeout=None, wakeup=False)
            except (OSError, *self._connection.connection_errors):
                if self._receiver.should_stop:
                    return
                time.sleep(STEP_S)

    def _on_event(self, event: Mapping[str, Any]) -> None:
        kind = event["type"]
        if kind == HELLO and event.get("nonce") == self._nonce:
            self._heard.set()
        if not kind.startswith("task-") or kind == "task-sent":
            return
        with self._lock:
            delivery = (event["uuid"], event["hostname"])
            if kind == "task-received":
                self._deliveries[delivery] += 1
            key = (*delivery, self._deliveries[delivery])
            run = self._runs.get(key) or TaskRun(event["uuid"], "", "", event["hostname"])
            if kind == "task-received":
                run = replace(
                    run,
                    received=event["timestamp"],
                    name=event.get("name") or "",
                    arguments=f"{event.get('args')} {event.get('kwargs')}",
                )
            elif kind == "task-started":
                run = replace(run, started=event["timestamp"], state="STARTED")
            elif kind in ENDS:
                run = replace(run, ended=event["timestamp"], state=ENDS[kind])
            self._runs[key] = run

    def timeline(self) -> Timeline:
        """Return what was recorded so far, without what a worker had received before."""
        with self._lock:
            known = [run for run in self._runs.values() if run.received is not None]
        runs = sorted(known, key=lambda run: run.started or math.inf)
        return Timeline(tuple(runs), self._labels)

    def wait(self, ended: int, timeout_s: float = 60.0) -> Timeline:
        """
        Wait until that many executions have ended, and return the timeline.

        Raises:
            TimeoutError: Says how many did.
        """
        return self.wait_for(
            lambda timeline: sum(run.ended is not None for run in timeline.runs) >= ended,
            f"{ended} executions to end",
            timeout_s,
        )

    def wait_for(
        self, condition: Callable[[Timeline], bool], what: str, timeout_s: float = 60.0
    ) -> Timeline:
        """
        Wait until the timeline is as wanted, and return it.

        Raises:
            TimeoutError: Says what it waited for and what it saw last.
        """
        end = time.monotonic() + timeout_s
        while not condition(timeline := self.timeline()):
            if time.monotonic() > end:
                states = dict(Counter(run.state for run in timeline.runs))
                raise TimeoutError(f"waited {timeout_s:g} s for {what}; saw {states or 'nothing'}")
            time.sleep(STEP_S)
        return timeline

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening; what was recorded stays."""
        self._receiver.should_stop = True
        with contextlib.suppress(OSError, *self._connection.connection_errors):
            self._send_hello()  # it waits for the next event, up to a second
        self._thread.join(timeout=5)
        self._connection.release()


def wait_for_workers(
    app: Celery, workers: int, question: str = "ping", timeout_s: float = 30.0
) -> list[str]:
    """
    Ask until that many nodes have answered, and return their names, sorted.

    Raises:
        NoWorkerError: Fewer did; names them.
    """
    end = time.monotonic() + timeout_s
    names: set[str] = set()
    while True:
        answers: Iterable[Mapping[str, Any]] = app.control.broadcast(
            question, reply=True, timeout=0.5, limit=workers
        )
        names |= {name for answer in answers or () for name in answer}
        if len(names) >= workers:
            return sorted(names)
        if time.monotonic() > end:
            told = ", ".join(sorted(names)) or "none"
            raise NoWorkerError(f"{workers} workers should answer; in {timeout_s:g} s did: {told}")
