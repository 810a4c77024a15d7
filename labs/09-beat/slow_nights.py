"""The learner's stack once more, without workers, and with nights that last as long as we say."""

import shutil
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import yaml

from taskyard.deadline import until
from taskyard.kit.contract import load
from taskyard.kit.requirement import Unmet
from taskyard.kit.stack import COMPOSE_FILE, Stack

VARIABLE = load(Path(__file__).with_name("plan.py")).VARIABLE
MARK = "taskyard-was-here"
START_S = 30.0
TOGETHER = 1 / 3
"""Ticks that come within this part of a night have come at once."""


@dataclass(frozen=True)
class Return:
    """
    How a beat has come back after it was gone for a while.

    Attributes:
        waited_s: Seconds from the order to start it until its first tick came.
        at_once: How many ticks came then.
    """

    waited_s: float
    at_once: int


class SlowNights:
    """
    A stack of a copy of the learner's files.

    A beat that remembers its last tick sends the next one as soon as it starts, if a night has
    passed. One that does not remember waits for a whole night first, on whatever machine. So a
    night has to be longer than a start.

    Args:
        files: The learner's own; all others are beat's.
        ticks: Returns those that wait.
        night_s: The length of a night.
    """

    def __init__(
        self,
        stack: Stack,
        files: Collection[Path],
        ticks: Callable[[], Collection[str]],
        night_s: float,
    ) -> None:
        self.stack, self.files = stack, set(files)
        self.ticks, self.night_s = ticks, night_s
        self.remembers_in_place = False
        """Whether a beat that started again in the same container has sent at once."""

    def bring_back(self, did: str, start: Callable[[], None], nights: int) -> Return:
        """
        Let nights pass without a beat, start one, and wait for what it sends at first.

        Raises:
            Unmet: It sent nothing; `did` says how it came that there was no beat.
        """
        self._wait(nights)
        before = set(self.ticks())

        def none_came() -> Unmet:
            return Unmet(
                did=did,
                saw=f"it sent none; its log ends with: {self.stack.last_line('beat')}",
                expected="ticks, as before",
                look_at="compose.yaml, beat: what did the one before leave behind?",
            )

        begun = time.monotonic()
        start()
        most_s = START_S + self.night_s
        until(lambda: set(self.ticks()) - before, "a tick", most_s, missed=none_came)
        came = time.monotonic()
        self._wait(TOGETHER)
        return Return(came - begun, len(set(self.ticks()) - before))

    def _wait(self, nights: float) -> None:
        end = time.monotonic() + nights * self.night_s
        until(lambda: time.monotonic() > end, "nights to pass", START_S + nights * self.night_s)

    def mark_volumes(self) -> None:
        """Leave a file in each volume of beat, to be found where a volume is kept."""
        self.stack.exec("beat", ["touch", *self._marks()])

    def keeps_a_volume(self) -> bool:
        """Tell whether such a file is in a volume of the beat that runs now."""
        return any(self.stack.exec("beat", ["ls", one]).exit_code == 0 for one in self._marks())

    def forget(self) -> None:
        """Remove what goes away with a container, and stays on the local engine."""
        beat = self.stack.project.services["beat"]
        if self.stack.choice.name != "local" or any(one.type == "bind" for one in beat.volumes):
            return
        for name in files_in(self.stack.project.folder, ()) - self.files:
            (self.stack.project.folder / name).unlink()

    def _marks(self) -> list[str]:
        """Return paths that work where the local engine has no folder `/lab`, too."""
        beat = self.stack.project.services["beat"]
        working = PurePosixPath(beat.working_dir or "/")
        paths = [PurePosixPath(mount.target, MARK) for mount in beat.volumes]
        return [
            str(path.relative_to(working) if path.is_relative_to(working) else path)
            for path in paths
        ]


def files_in(folder: Path, left_out: Collection[Path]) -> set[Path]:
    """Return the paths of all files in a folder; links, which stand for volumes, lead out of it."""
    found = (path for path in folder.rglob("*") if path.is_file() and path not in left_out)
    return {path.relative_to(folder) for path in found if "__pycache__" not in path.parts}


def prepare(
    folder: Path, files: Collection[Path], copy: Path, night_s: float, idle: Collection[str]
) -> None:
    """
    Copy the learner's files, with another length of a night.

    Args:
        files: Which of those in the folder to copy.
        idle: The services that get no replica.
    """
    for name in files:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / name, copy / name)
    copy.chmod(0o755)
    file = copy / COMPOSE_FILE
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    for name, service in document["services"].items():
        given = service.get("environment") or {}
        if isinstance(given, list):
            pairs = (one.partition("=") for one in given)
            given = {key: value if equals else None for key, equals, value in pairs}
        service["environment"] = {**given, VARIABLE: str(night_s)}
        if name in idle:
            deploy = service.get("deploy", {})
            service["deploy"] = {key: deploy[key] for key in deploy if key != "replicas"}
            service["scale"] = 0
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
