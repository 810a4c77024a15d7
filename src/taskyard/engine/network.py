"""The network of one run of the local engine: which port of this machine stands for which."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from taskyard.compose.model import Service
from taskyard.engine import ports
from taskyard.engine.embedded import postgres


class Network:
    """
    Notes that map a replica's port to a port of this machine, in files `FOLDER/SERVICE/INDEX/PORT`.

    This class chooses and notes the ports of the embedded servers. Every other replica notes its
    own through `namespace/sitecustomize.py`, which also redirects the clients.
    """

    def __init__(self, folder: Path, own: range, services: Mapping[str, Service]) -> None:
        """
        Args:
            folder: Where the notes go; it must not exist yet.
            own: The ports that are reserved for this run.
        """
        folder.mkdir()
        self._folder, self._own, self._services = folder, own, services
        self._databases = [s for s in services.values() if postgres.stands_for(s)]

    def note(self, service: str, index: int, port: int) -> Path:
        """Return the file that notes which port of this machine stands for a replica's port."""
        return self._folder / service / str(index) / str(port)

    def port_of(self, service: Service, index: int, port: int) -> int:
        """Return the port of this machine for an embedded server's port; choose it on first use."""
        note = self.note(service.name, index, port)
        if not note.exists():
            asked = [ports.published(p, index) for p in service.ports if p.target == port]
            number = next(filter(None, asked), None) or ports.free_port(self._unnoted())
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(str(number))
        return int(note.read_text())

    def _unnoted(self) -> list[int]:
        """Return the ports of this run that no note claims; a stopped replica keeps its note."""
        noted = {int(note.read_text()) for note in self._folder.glob("*/*/[0-9]*")}
        return [port for port in self._own if port not in noted]

    def forget(self, service: str, index: int) -> None:
        """Delete the notes of a replica that is removed."""
        shutil.rmtree(self._folder / service / str(index), ignore_errors=True)

    def addresses(self) -> dict[str, int]:
        """
        Map each Postgres service to its port on this machine.

        Its clients are often written in C, so `namespace/sitecustomize.py` cannot redirect them.
        """
        return {s.name: self.port_of(s, 1, postgres.PORT) for s in self._databases}

    def environment(self, service: Service, index: int) -> dict[str, str]:
        """Return the variables that `namespace/sitecustomize.py` reads in a replica."""
        published = [(p.target, ports.published(p, index)) for p in service.ports if p.published]
        return {
            "TASKYARD_NETWORK": str(self._folder),
            "TASKYARD_PORTS": f"{self._own.start}-{self._own.stop}",
            "TASKYARD_SERVICES": ",".join(self._services),
            "TASKYARD_PUBLISHED": ",".join(f"{port}={number}" for port, number in published),
        }
