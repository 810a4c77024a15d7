"""Record which worker ran which task when, from the events that Celery's workers send."""

from __future__ import annotations

import contextlib
import math
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from celery import Celery
from celery.events.receiver import EventReceiver

from taskyard.deadline import BusyError, DeadlineError, until
from taskyard.kit.timeline import TaskRun, Timeline

HELLO = "taskyard-hello"
BEAT = "celerybeat@"
STEP_S = 0.05
ENDS = {
    "task-succeeded": "SUCCESS",
    "task-failed": "FAILURE",
    "task-retried": "RETRY",
    "task-rejected": "REJECTED",
    "task-revoked": "REVOKED",
}


class NoWorkerError(DeadlineError):
    """Fewer workers answered than were expected."""


class Recorder:
    """
    Record the events of a broker's workers while a `with` block runs.

    Entering the block switches the workers' events on, so that they need no `-E`, and waits until
    this recorder receives events and every worker has confirmed that it sends them.

    Args:
        broker: Its URL with the database.
        workers: The number of Celery nodes.
        labels: Host name to the name that a chart shows instead.
        timeout_s: The deadline of each of the two waits.

    Raises:
        NoWorkerError: On entering, if fewer workers confirmed in time; says which did.
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
        self._last_heard: dict[str, float] = {}
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
        """Send an event until it arrives: Redis drops what is published before we subscribe."""

        def is_heard() -> bool:
            self._send_hello()
            return self._heard.wait(STEP_S)

        until(is_heard, "an event to come back", self._timeout_s)

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
        with self._lock:
            if kind == "worker-online":
                self._end_killed(event["hostname"])
            self._last_heard[event["hostname"]] = event["timestamp"]
            if not kind.startswith("task-") or kind == "task-sent":
                return
            key = self._key(kind, event["uuid"], event["hostname"])
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

    def _key(self, kind: str, task: str, node: str) -> tuple[str, str, int]:
        """
        Return the key of the execution that an event is about; several may have one task id.

        A retry or a second delivery may be received before the first execution has ended. A start
        therefore belongs to the first execution that has not begun, and an end to the first that
        still runs.
        """
        if kind == "task-received":
            self._deliveries[task, node] += 1
            return task, node, self._deliveries[task, node]
        keys = [(task, node, number + 1) for number in range(self._deliveries[task, node])]
        for key in keys:
            run = self._runs[key]
            has_begun = run.started is not None
            is_over = run.ended is not None or run.killed is not None
            if not is_over and has_begun == (kind != "task-started"):
                return key
        return keys[-1] if keys else (task, node, 0)

    def _end_killed(self, node: str) -> None:
        """Mark what a node's earlier worker ran as killed: a new worker has come online there."""
        for key, run in self._runs.items():
            if run.node == node and run.ended is None and run.killed is None:
                self._runs[key] = replace(run, killed=self._last_heard.get(node))

    def note_kill(self) -> None:
        """Mark all that runs now as killed, because a killed worker sends no event about it."""
        with self._lock:
            for key, run in self._runs.items():
                if run.started is not None and run.ended is None and run.killed is None:
                    self._runs[key] = replace(run, killed=time.time())

    def timeline(self) -> Timeline:
        """Return the recording so far, without tasks that were received before it began."""
        with self._lock:
            known = [run for run in self._runs.values() if run.received is not None]
        runs = sorted(known, key=lambda run: run.started or math.inf)
        return Timeline(tuple(runs), self._labels)

    def wait(self, ended: int, timeout_s: float = 60.0) -> Timeline:
        """
        Wait until `ended` executions have ended, and return the timeline.

        Raises:
            TimeoutError: Fewer ended in time; says how many executions are in each state.
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
        Wait until a condition holds for the timeline, and return the timeline.

        Args:
            what: The end of the sentence "waited 60 s for …".

        Raises:
            TimeoutError: It did not hold in time; says how many executions are in each state.
        """
        timeline = self.timeline()

        def is_as_wanted() -> bool:
            nonlocal timeline
            timeline = self.timeline()
            return condition(timeline)

        def states() -> object:
            return dict(Counter(run.state for run in timeline.runs)) or "nothing"

        until(is_as_wanted, what, timeout_s, states)
        return timeline

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop recording; what was recorded stays."""
        self._receiver.should_stop = True
        with contextlib.suppress(OSError, *self._connection.connection_errors):
            self._send_hello()  # wakes the receiver, which would wait a second for an event
        self._thread.join(timeout=5)
        self._connection.release()


def wait_for_workers(
    app: Celery, workers: int, question: str = "ping", timeout_s: float = 30.0
) -> list[str]:
    """
    Broadcast a question until enough workers have answered, and return their names, sorted.

    A beat whose service answers such questions is not counted.

    Args:
        workers: The number of workers that must answer.
        question: A remote control command, such as `ping`.

    Raises:
        NoWorkerError: Fewer answered within `timeout_s`; names those that did.
    """
    names: set[str] = set()
    beats: set[str] = set()

    def have_answered() -> bool:
        answers: Iterable[Mapping[str, Any]] = app.control.broadcast(
            question, reply=True, timeout=0.5, limit=workers + len(beats)
        )
        for name in (name for answer in answers or () for name in answer):
            (beats if name.startswith(BEAT) else names).add(name)
        return len(names) >= workers

    wanted = "1 worker" if workers == 1 else f"{workers} workers"
    try:
        until(have_answered, f"{wanted} to answer", timeout_s, lambda: sorted(names) or "none")
    except BusyError:
        raise
    except DeadlineError as error:
        raise NoWorkerError(error.waited, error.saw) from None
    return sorted(names)
