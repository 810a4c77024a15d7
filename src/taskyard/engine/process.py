"""
One replica of the local engine: its process, its restarts, its health.

Every pause and every deadline uses the event loop's clock, so that a test can move it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from taskyard.engine.remains import PROJECT_MARK, kill_with_children, sweep

REPLICA_MARK = "TASKYARD_REPLICA"

STABLE_S = 10.0
"""After a run of this length, the pause before a restart begins at its minimum again.

Source: Docker, restart policies.
"""

PROBE_S = 0.2
"""The pause between tests while a replica is not yet healthy, so that nobody waits for a whole
`interval`."""


@dataclass
class Process:
    """
    One replica: what it runs, and the state it is in.

    Attributes:
        name: `SERVICE/INDEX`.
        grace_s: Seconds between the stop signal and SIGKILL.
        restart: The restart policy, in Compose's words.
        max_retries: The limit of `on-failure`; None means no limit.
        health: The health check's seconds and retries, with `argv` or the port to `ping`.
        restarts: How often the policy has started it again, over its whole life.
        retries: The same since it was last started by an order.
        wanted: False once an order has ended it: the restart policy no longer applies.
        keeper: The task that waits for the process and restarts it.
        ended: Set when the process has ended and will not be restarted.
    """

    name: str
    argv: list[str]
    env: dict[str, str]
    cwd: str
    log: str
    stop_signal: int
    grace_s: float
    restart: str
    max_retries: int | None
    health: dict[str, Any] | None
    state: str = "running"
    health_state: str | None = None
    health_log: str = ""
    exit_code: int | None = None
    restarts: int = 0
    retries: int = 0
    pid: int | None = None
    wanted: bool = True
    child: asyncio.subprocess.Process | None = None
    keeper: asyncio.Task[None] | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def report(self) -> dict[str, Any]:
        keys = ("name", "state", "health_state", "health_log", "exit_code", "restarts", "pid")
        return {key: getattr(self, key) for key in keys}

    async def begin(self) -> None:
        """Start the process and keep it; a command that cannot start gives exit code 126 or 127."""
        self.wanted, self.retries = True, 0
        self.ended.clear()
        await self._spawn()
        self.keeper = asyncio.create_task(self._keep())

    async def _spawn(self) -> None:
        self.state, self.exit_code = "running", None
        self.health_state = "starting" if self.health else None
        with Path(self.log).open("ab") as log:
            try:
                self.child = await asyncio.create_subprocess_exec(
                    *self.argv,
                    env=self.env,
                    cwd=self.cwd,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            except OSError as error:
                log.write(f"{self.argv[0]}: {error.strerror}\n".encode())
                self.child, self.pid = None, None
                self.exit_code = 127 if isinstance(error, FileNotFoundError) else 126
            else:
                self.pid = self.child.pid

    async def _keep(self) -> None:
        delay_s = 0.1
        while True:
            started = _now()
            if self.child is not None:
                prober = asyncio.create_task(self._probe()) if self.health else None
                code = await self.child.wait()
                if prober is not None:
                    prober.cancel()
                self.end_tree()
                self.exit_code = code if code >= 0 else 128 - code
            self.pid = None
            if not self._starts_again():
                break
            self.state = "restarting"
            delay_s = 0.1 if _now() - started > STABLE_S else delay_s
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, 60.0)
            self.restarts, self.retries = self.restarts + 1, self.retries + 1
            await self._spawn()
            if not self.wanted:  # an order to end it came while there was no process to signal
                self.send(signal.SIGKILL)
        self.state = "exited"
        self.ended.set()

    def _starts_again(self) -> bool:
        if not self.wanted or self.restart == "no":
            return False
        if self.restart == "on-failure":
            within = self.max_retries is None or self.retries < self.max_retries
            return self.exit_code != 0 and within
        return True

    async def _probe(self) -> None:
        """
        Test the replica's health as Docker does, but more often until it is healthy.

        Docker waits one interval before its first test. Here a test runs every PROBE_S until the
        replica is healthy, and at most one failure counts in each interval, so that `retries` means
        the same.
        """
        assert self.health is not None
        started = counted = _now()
        failures = 0
        while True:
            self.health_log = await self._test()
            now = _now()
            starting = now - started < self.health["start_period_s"]
            interval_s = self.health["start_interval_s" if starting else "interval_s"]
            if not self.health_log:
                self.health_state, failures = "healthy", 0
            elif not starting and now - counted >= min(interval_s, self.health["interval_s"]):
                failures, counted = failures + 1, now
                if failures >= self.health["retries"]:
                    self.health_state = "unhealthy"
            waiting = self.health_state != "healthy"
            await asyncio.sleep(min(interval_s, PROBE_S) if waiting else interval_s)

    async def _test(self) -> str:
        """Run the health test once; return why it failed, or an empty string."""
        assert self.health is not None
        timeout_s = self.health["timeout_s"]
        if "ping" in self.health:
            return await _ping(self.health["ping"], timeout_s)
        try:
            test = await asyncio.create_subprocess_exec(
                *self.health["argv"],
                env=self.env,
                cwd=self.cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return f"{self.health['argv'][0]}: {error.strerror}"
        try:
            async with asyncio.timeout(
                timeout_s
            ):  # wait_for of Python 3.11 can lose a cancellation
                output, _ = await test.communicate()
        except TimeoutError:
            return f"no answer in {timeout_s:g} s"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(test.pid, signal.SIGKILL)
        text = output.decode(errors="replace").strip()
        return "" if test.returncode == 0 else text or f"exit status {test.returncode}"

    def send(self, number: int) -> None:
        """Signal the first process; SIGKILL ends the whole replica, as it does a container."""
        if self.child is None or self.child.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                self.end_tree()
            else:
                os.kill(self.child.pid, number)

    def end_tree(self) -> None:
        if self.child is not None:
            with contextlib.suppress(psutil.Error):
                kill_with_children(psutil.Process(self.child.pid))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.child.pid, signal.SIGKILL)
        sweep(**{mark: self.env[mark] for mark in (PROJECT_MARK, REPLICA_MARK)})

    def forgo_restart(self) -> None:
        """Suspend the restart policy until the next start, as `docker kill` and `stop` do."""
        self.wanted = False
        if self.state == "restarting" and self.keeper is not None:
            self.keeper.cancel()
            self.state = "exited"
            self.ended.set()

    async def stop(self) -> None:
        """Send the stop signal, wait for `grace_s`, then send SIGKILL; return when it has ended."""
        self.forgo_restart()
        if self.state == "running":
            self.send(self.stop_signal)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.grace_s):
                    await self.ended.wait()
            self.send(signal.SIGKILL)
        await self.ended.wait()


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _ping(port: int, timeout_s: float) -> str:
    """Send PING as `redis-cli ping` does; return what is wrong, or an empty string."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"PING\r\n")
            answer = await reader.readline()
            writer.close()
    except (OSError, TimeoutError) as error:
        return str(error) or f"no answer in {timeout_s:g} s"
    # A server that asks for a password is up, and `redis-cli ping` ends with 0 as well
    return (
        "" if answer.startswith((b"+PONG", b"-NOAUTH")) else answer.decode(errors="replace").strip()
    )
