"""
Keep processes as a Docker engine keeps containers, and end them all when their holder is gone.

An engine starts `python -m taskyard.engine.supervisor RUN`, where RUN is an `About` as JSON. The
supervisor's standard input is a pipe whose other end the engine's process alone holds. End of file
on it is the one signal that arrives on every platform and however the holder ends, even after
SIGKILL. Then the supervisor kills what runs, removes what the run made, and ends.

It takes orders as lines of JSON on a Unix socket in the run's state folder. It makes that folder
itself, so that no state folder exists without a supervisor to remove it. The Docker engine uses it
without replicas, to remove the project's containers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

from taskyard.engine import block
from taskyard.engine.process import Process
from taskyard.engine.remains import About, clean_up

CONTROL = "control"
ABOUT = "run.json"
LOG = "supervisor.log"


class Supervisor:
    """The processes of one run; each method `do_ORDER` carries out an order of the holder."""

    def __init__(self, about: About) -> None:
        self.about = about
        self.state = Path(about["state"])
        self.processes: dict[str, Process] = {}
        self.held = True
        self.over = asyncio.Event()
        self.guard: socket.socket | None = None

    async def serve(self) -> NoReturn:
        """Take orders until the holder is gone, a signal arrives, or `close` is ordered."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self.over.set)
        loop.add_reader(sys.stdin.fileno(), self._lifeline)
        await asyncio.start_unix_server(self._orders, self.state / CONTROL)
        with contextlib.suppress(BrokenPipeError):  # the holder may be gone already
            print("ready", flush=True)
        with (self.state / LOG).open("wb") as log:  # the holder closes the pipe after `ready`
            os.dup2(log.fileno(), sys.stdout.fileno())
            os.dup2(log.fileno(), sys.stderr.fileno())
        await self.over.wait()
        for process in self.processes.values():
            process.wanted = False
            process.send(signal.SIGKILL)
        clean_up(self.about)
        os._exit(0)  # without waiting for orders and health checks that are still under way

    def _lifeline(self) -> None:
        if os.read(sys.stdin.fileno(), 1024):
            return
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        if self.held:
            self.over.set()

    async def _orders(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            order = json.loads(line)
            try:
                answer = await getattr(self, f"do_{order.pop('do')}")(**order)
            except Exception as error:  # whatever it is, the holder waits for an answer
                answer = {"error": f"{type(error).__name__}: {error}"}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def do_reserve(self) -> list[int]:
        """Reserve ports for this run until it ends; return the range's start and stop."""
        self.guard, ports = block.reserve()
        return [ports.start, ports.stop]

    async def do_run(self, **process: Any) -> None:
        new = Process(**process)
        self.processes[new.name] = new
        await new.begin()

    async def do_ps(self) -> list[dict[str, Any]]:
        return [process.report() for process in self.processes.values()]

    async def do_kill(self, name: str, number: int) -> None:
        process = self.processes[name]
        process.forgo_restart()  # whatever the signal, as `docker kill` does
        process.send(number)
        if number == signal.SIGKILL:
            await process.ended.wait()

    async def do_crash(self, name: str) -> None:
        self.processes[name].send(signal.SIGKILL)

    async def do_stop(self, names: list[str]) -> None:
        await asyncio.gather(*(self.processes[name].stop() for name in names))

    async def do_start(self, name: str) -> None:
        if self.processes[name].state == "exited":
            await self.processes[name].begin()

    async def do_remove(self, names: list[str]) -> None:
        await self.do_stop(names)
        for name in names:
            del self.processes[name]

    async def do_release(self) -> None:
        """Outlive the holder: the run goes on until `close` is ordered."""
        self.held = False

    async def do_close(self) -> None:
        self.over.set()


def main() -> None:
    about: About = json.loads(sys.argv[1])
    Path(about["state"]).mkdir(mode=0o700)
    try:
        (Path(about["state"]) / ABOUT).write_text(json.dumps(about))
        asyncio.run(Supervisor(about).serve())
    finally:
        clean_up(about)


if __name__ == "__main__":
    main()
