"""The addresses of one run of the local engine: which port of this machine stands for which."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from taskyard.compose.model import Service
from taskyard.engine import ports
from taskyard.engine.embedded import postgres


class Network:
    """
    The notes that say where each port of each replica is: `FOLDER/SERVICE/INDEX/PORT`.

    The embedded servers get theirs from here. Of the other replicas each notes its own, by
    `namespace/sitecustomize.py`, which also leads their clients there.
    """

    def __init__(self, folder: Path, own: range, services: Mapping[str, Service]) -> None:
        """
        Args:
            own: The ports that this run has to itself.
        """
        folder.mkdir()
        self._folder, self._own, self._services = folder, own, services
        self._databases = [s for s in services.values() if postgres.stands_for(s)]

    def note(self, service: str, index: int, port: int) -> Path:
        """Return where the port of this machine is noted that stands for a replica's own."""
        return self._folder / service / str(index) / str(port)

    def port_of(self, service: Service, index: int, port: int) -> int:
        """Return the port of this machine that stands for an embedded server's; note a new one."""
        note = self.note(service.name, index, port)
        if not note.exists():
            asked = [ports.published(p, index) for p in service.ports if p.target == port]
            number = next(filter(None, asked), None) or ports.free_port(self._unnoted())
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(str(number))
        return int(note.read_text())

    def _unnoted(self) -> list[int]:
        """Return the ports of this run that no replica has, nor had and may want again."""
        noted = {int(note.read_text()) for note in self._folder.glob("*/*/[0-9]*")}
        return [port for port in self._own if port not in noted]

    def forget(self, service: str, index: int) -> None:
        """Forget the ports of a replica that is removed."""
        shutil.rmtree(self._folder / service / str(index), ignore_errors=True)

    def addresses(self) -> dict[str, int]:
        """Return the ports of the servers whose clients look names up by themselves."""
        return {s.name: self.port_of(s, 1, postgres.PORT) for s in self._databases}

    def environment(self, service: Service, index: int) -> dict[str, str]:
        """Return the variables by which a replica's Python processes find their way."""
        published = [(p.target, ports.published(p, index)) for p in service.ports if p.published]
        return {
            "TASKYARD_NETWORK": str(self._folder),
            "TASKYARD_PORTS": f"{self._own.start}-{self._own.stop}",
            "TASKYARD_SERVICES": ",".join(self._services),
            "TASKYARD_PUBLISHED": ",".join(f"{port}={number}" for port, number in published),
        }
