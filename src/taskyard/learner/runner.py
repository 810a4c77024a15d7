"""Run a lab on the learner's files: its demo, its check, its help, and what a kept run left."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from taskyard.compose import read
from taskyard.compose.model import Project
from taskyard.course import Course, Lab
from taskyard.deadline import BusyError
from taskyard.engine import Choice
from taskyard.engine.kept import KeptRun, find_kept
from taskyard.engine.reports import failure
from taskyard.errors import Fault, TaskyardError, Told
from taskyard.kit.blame import missing_from
from taskyard.kit.console import Show
from taskyard.kit.contract import Contract, load
from taskyard.kit.stack import COMPOSE_FILE, Stack, project_prefix, temporary_folder
from taskyard.learner.desk import Desk

if TYPE_CHECKING:
    from taskyard.learner.check import Verdict


NEEDS_DOCKER_STATUS = 3
UNDECIDED_STATUS = 4


def runs_on(choice: Choice) -> Callable[[Lab], bool]:
    """Return a question, which tells whether a lab can be done on this engine."""
    return lambda lab: not _lacks_docker(Contract.of(load(lab.demo)), choice)


def _lacks_docker(contract: Contract, choice: Choice) -> bool:
    return choice.name != "docker" and bool(contract.needs_docker)


class Runner:
    """
    The commands of one lab for one learner.

    Attributes:
        number: The lab's.
        label: The start of the name of each demo's Compose project.
    """

    def __init__(self, course: Course, lab: Lab, show: Show, folder: Path | None = None) -> None:
        """
        Args:
            folder: The files to run; the learner's desk where it is None.
        """
        self._lab, self._show = lab, show
        self.number = lab.number
        self._desk = None if folder else Desk(course)
        self._folder = folder or self._own_desk().folder(lab)
        # Two desks have labs of one name, and must not end each other's runs
        place = str(folder or self._own_desk().root)
        self.label = f"{lab.slug}-{hashlib.sha256(place.encode()).hexdigest()[:4]}"

    def _begin(self, what: str, choice: Choice) -> None:
        title = self._lab.slug.replace("-", " ")
        self._show.title(f"{what} {self._lab.number:02} · {title}")
        self._show.say(str(choice), style="dim")
        for notice in self._desk.notices(self._lab) if self._desk else ():
            self._show.say(f"note: {notice}", style="yellow")
        for run in self._kept():
            cure = f"this removes it: make down-{self._lab.number}"
            note = f"note: `{run.name}` is still there; {cure}"
            self._show.say(note, style="yellow")

    def _need_docker(self, contract: Contract, choice: Choice) -> None:
        """
        Stop where the point of a lab cannot be seen without containers.

        Raises:
            Told: With NEEDS_DOCKER_STATUS.
        """
        if not _lacks_docker(contract, choice):
            return
        self._show.say(f"This lab needs Docker: {contract.needs_docker}")
        if contract.without_docker:
            contract.without_docker(self._folder, self._show)
        self._show.say()
        if next_step := self._desk and self._desk.progress(runs_on(choice)).next_step:
            self._show.say("Come back to this lab with Docker. Without it you can go on:")
            self._show.command(next_step)
        else:
            self._show.say("Come back to this lab with Docker.")
        raise Told(NEEDS_DOCKER_STATUS)

    def demo(self, choice: Choice, keep: bool) -> None:
        """
        Bring the stack up, run the experiment, and take the stack down or leave it up.

        Raises:
            TaskyardError: The stack does not come up, or the demo does not find what it needs.
        """
        module = load(self._lab.demo)
        contract = Contract.of(module)
        self._begin("Lab", choice)
        self._need_docker(contract, choice)
        try:
            self._demo(module, contract, choice, keep)
        except BusyError as error:
            self._show.say(f"{str(error).capitalize()}.", style="yellow")
            self._show.say("Run the lab again when this machine does less.")
            raise Told(UNDECIDED_STATUS) from error
        except TaskyardError as error:
            if gone := missing_from(self._folder, self._lab.folder):
                raise TaskyardError.of([*error.faults, Fault(gone, self._folder)]) from error
            raise

    def _demo(self, module: Any, contract: Contract, choice: Choice, keep: bool) -> None:
        stack = Stack(self._folder, choice, publish=contract.publish, label=self.label)
        try:
            self._say_what_is_not_shown(stack.project, choice)
            if not contract.starts_itself:  # its point is how the stack starts
                names = ", ".join(stack.project.services)
                with self._show.step(f"starting {names}", lambda: states(stack)):
                    stack.up()
            self._experiment(module, stack)
        except BaseException:
            stack.close()
            raise
        self._end(stack, keep)
        if self._desk:
            self._desk.record(self._lab, "demo")
            self._next_step(module)

    def _say_what_is_not_shown(self, project: Project, choice: Choice) -> None:
        """Say what Docker would refuse or warn of, and what the engine does not do of the file."""
        for warning in project.warnings:
            self._show.say(f"note: {warning}", style="yellow")
        for sentence in choice.engine().unsupported(project):
            self._show.say(f"The local engine {sentence}.", style="dim")

    def _experiment(self, module: Any, stack: Stack) -> None:
        try:
            module.demo(stack, self._show)
        except BusyError:
            raise
        except TimeoutError as error:
            # What a demo waits for does not come when a service has died meanwhile
            for replica in stack.ps():
                if replica.state == "restarting" or replica.exit_code:
                    raise failure(stack.project, stack.engine, replica) from error
            hint = f"try once more; if it stays so: make doctor, and make check-{self._lab.number}"
            said = f"{error}; {stack.last_words()}"
            raise TaskyardError(said, path=stack.project.path, hint=hint) from error

    def _end(self, stack: Stack, keep: bool) -> None:
        if keep:
            stack.close(keep=True)
            self._show_kept()
            return
        with self._show.step("taking the stack down"):
            stack.close()

    def _kept(self) -> list[KeptRun]:
        return find_kept(temporary_folder(), project_prefix(self.label))

    def _show_kept(self) -> None:
        run, number = self._kept()[-1], self._lab.number
        self._show.say()
        self._show.say("The stack stays up:")
        self._show_replicas(run)
        replica = run.replicas()[-1]
        self._show.say("Look around in it, and remove it when you have seen enough:")
        for line in (
            f"make ps-{number}",
            f"make logs-{number} SERVICE={replica.service}",
            run.shell_line(replica, number),
            f"make down-{number}",
        ):
            self._show.command(line)

    def _show_replicas(self, run: KeptRun) -> None:
        """Say of each replica how it is, where it answers, and where its log is."""
        for replica in run.replicas():
            self._show.raw(f"  {replica.name}: {replica.state}")
            for port, address in replica.addresses.items():
                self._show.raw(f"    port {port}: {address}")
            self._show.raw(f"    log: {replica.log}")

    def ps(self) -> None:
        """Show what kept runs of this lab have running."""
        for run in self._kept_or_stop():
            self._show.title(f"{run.name} ({run.engine} engine)")
            try:
                self._show_replicas(run)
            except TaskyardError as error:
                self._show.say(f"It cannot be asked: {error.faults[0].what}.")
                self._show.command(f"make down-{self._lab.number}")

    def logs(self, service: str) -> None:
        """Print the logs of the last kept run: all of them, or those of a service."""
        run = self._kept_or_stop()[-1]
        for replica in run.find(service):
            self._show.title(replica.name)
            self._show.raw(run.log(replica))

    def shell(self, service: str) -> NoReturn:
        """Become a shell beside a service of the last kept run."""
        run = self._kept_or_stop()[-1]
        replica = run.find(service)[0]
        run.shell(replica)

    def _kept_or_stop(self) -> list[KeptRun]:
        if runs := self._kept():
            return runs
        number = self._lab.number
        what = "nothing of this lab is running"
        raise TaskyardError(what, hint=f"start it and leave it up: KEEP=1 make lab-{number}")

    def _next_step(self, module: ModuleType) -> None:
        number, folder = self._lab.number, _short(self._folder)
        self._show.say()
        self._show.say(f"Now you: the files are in {folder}/, the exercise in the README:")
        self._show.say(str(_short(self._lab.readme)), lead="  ")
        self._show.command(f"make check-{number}")

    def check(self, choice: Choice, report: Path | None = None) -> bool:
        """
        Run the requirements and print the verdicts; return whether all hold.

        Args:
            report: Where to write the verdicts as JSON.

        Raises:
            SystemExit: With NEEDS_DOCKER_STATUS; with UNDECIDED_STATUS if this machine is too busy
                for a verdict, which then counts as no try.
        """
        from taskyard.learner.check import run  # pytest, which a demo need not wait for

        self._begin("Check", choice)
        self._need_docker(Contract.of(load(self._lab.demo)), choice)
        with contextlib.suppress(TaskyardError):  # what cannot be read is a verdict of the check's
            self._say_what_is_not_shown(read(self._folder / COMPOSE_FILE), choice)
        if report:
            _save(report, "")  # what cannot be written is told before the check, not after it
        label, trying = f"check-{self.label}", self._show.meanwhile
        verdicts = run(self._lab.check, self._folder, choice, label, self._tell, trying)
        if report:
            content = {"requirements": [dict(verdict.as_json()) for verdict in verdicts]}
            _save(report, json.dumps(content, indent=2) + "\n")
        if any(verdict.outcome == "not decided" for verdict in verdicts):
            self._show.say()
            self._show.say("This machine is too busy to decide. Check again when it does less.")
            raise Told(UNDECIDED_STATUS)
        passed = all(verdict.outcome == "passed" for verdict in verdicts)
        if self._desk:
            self._desk.record(self._lab, "passed" if passed else "failed")
        self._show.say()
        number = self._lab.number
        if passed:
            self._show.say(f"All {len(verdicts)} requirements hold.", style="bold green")
            self._show.command("make progress")
        else:
            self._show.say("Change your files and check again. Stuck?")
            self._show.command(f"make hint-{number}")
        return passed

    def _tell(self, verdict: Verdict) -> None:
        word = {"passed": "pass", "failed": "FAIL", "not decided": "busy"}.get(verdict.outcome)
        self._show.outcome(word or verdict.outcome, verdict.requirement)
        if verdict.did:
            for name in ("did", "saw", "expected", "look_at"):
                first, *rest = getattr(verdict, name).splitlines() or [""]
                self._show.say(first, lead=f"        {name.replace('_', ' ')}: ")
                for line in rest:
                    self._show.raw(f"          {line}")

    def hint(self) -> None:
        """Give the next hint."""
        hint = self._own_desk().next_hint(self._lab)
        self._show.title(f"Hint {hint.number} of {hint.total}: {hint.summary}")
        self._show.markdown(hint.text)
        number = self._lab.number
        more = f"make hint-{number}" if hint.number < hint.total else f"make solution-{number}"
        self._show.command(more)

    def is_solved(self) -> bool:
        """Tell whether the learner's check has passed once."""
        return any(
            row.chapter.lab == self._lab and row.passed
            for row in self._own_desk().progress().chapters
        )

    def solution(self) -> None:
        """Print what turns the learner's files into the solution."""
        desk = self._own_desk()
        difference = desk.diff(self._lab)
        if difference:
            self._show.difference(difference)
        else:
            self._show.say("Your files are the solution.")
        desk.record(self._lab, "solution")

    def reset(self) -> None:
        """Put the starter back and say where the old files are."""
        kept = self._own_desk().reset(self._lab)
        folder = _short(self._folder)
        if kept is None:
            self._show.say(f"{folder}/ is the starter already.")
        else:
            self._show.say(f"The starter is back in {folder}/; your files are in {_short(kept)}/.")

    def down(self) -> None:
        """Remove what kept runs of this lab left: containers, processes, volumes."""
        runs = self._kept()
        for run in runs:
            with self._show.step(f"removing {run.name}"):
                run.end()
        if not runs:
            self._show.say("Nothing of this lab is running.")

    def _own_desk(self) -> Desk:
        if self._desk is None:
            raise TaskyardError("this command is about your desk, so it takes no --folder")
        return self._desk


def states(stack: Stack) -> str:
    """Say in a few words how the replicas are."""
    return " · ".join(f"{r.name} {r.health or r.state}" for r in stack.ps())


def _save(report: Path, text: str) -> None:
    try:
        report.write_text(text, encoding="utf-8")
    except OSError as error:
        what = f"the report cannot be written: {(error.strerror or str(error)).lower()}"
        raise TaskyardError(what, path=report) from error


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
