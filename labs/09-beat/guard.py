"""What keeps a second beat out, whatever it is: tried with the learner's own command."""

from pathlib import Path
from typing import Any

from taskyard.kit.contract import load
from taskyard.kit.requirement import Unmet
from taskyard.kit.stack import Stack

planning = load(Path(__file__).with_name("plan.py"))

EXIT = "it ends by itself before it sends, as Celery's own guard does with exit code 73"


class Guard:
    """
    What keeps a second beat out of the container of the first.

    Args:
        has_pid_file: Whether the command of beat names a pid file.
        quiet_s: How long a second beat may take to end.
    """

    def __init__(self, stack: Stack, has_pid_file: bool, quiet_s: float) -> None:
        self.stack, self.has_pid_file, self.quiet_s = stack, has_pid_file, quiet_s

    def refuses(self, name: str, after: str = "") -> None:
        """
        Run the command of beat once more, while the first one runs.

        Args:
            name: What the message calls this beat.
            after: What has happened before, if that explains that it gets in.

        Raises:
            Unmet: It sent something, or it did not end; says why, as far as its files tell.
        """
        beat = self.stack.project.services["beat"]
        command = [*(beat.entrypoint or ()), *(beat.command or ())]
        words = ["second", planning.TASK, str(self.quiet_s), *command]
        said = planning.probe(self.stack, *words, lasts_s=60 + self.quiet_s)
        if said["code"] is not None and not said["sent"]:
            return
        saw, look_at = self._explain(name, said)
        if after and said["sent"]:
            saw = f"{name} that sends, after {after}"
            look_at = "compose.yaml and tasks.py, beat: how long is what keeps others out there? "
            look_at += "No other beat may remove it, and it may not end, while the first one lives"
        raise Unmet(
            did="ran the command of beat once more in its container, while the first beat ran",
            saw=saw,
            expected=EXIT,
            look_at=look_at,
        )

    def _explain(self, name: str, said: Any) -> tuple[str, str]:
        """Return what was seen, and where to look."""
        if not said["sent"]:
            return (
                f"{name} that has not ended after {said['waited_s']:.0f} s, and has sent nothing",
                "compose.yaml and tasks.py, beat: a beat that waits for its turn is still there. "
                "What makes it end?",
            )
        if said["code"] is not None:
            return (
                f"{name} that sends, and then ends with {said['code']}",
                "tasks.py: what is sent before it is clear that nobody else sends? Beat reads "
                "the file before it looks for a pid file",
            )
        saw = f"{name} that begins to send, and nothing stops it"
        if own := said["own_files"]:
            return (
                f"{saw}; it has written `{'` and `'.join(own)}`, beside the file of the first",
                "compose.yaml, beat: a pid file keeps out those that look into the same one",
            )
        if self.has_pid_file or said["replaced_files"]:
            return (
                saw,
                "compose.yaml, beat: Celery itself removes the file of a dead process. Who "
                "removes that of a live one?",
            )
        return saw, "compose.yaml, beat: Celery writes a pid file where `--pidfile` names one"
