"""The commands of a lab on the learner's files: demo, check, help, and care of kept runs."""

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
from taskyard.kit.blame import at, located, missing_from, place_in, slip_in
from taskyard.kit.console import Show
from taskyard.kit.contract import Contract, load
from taskyard.kit.stack import COMPOSE_FILE, Stack, project_prefix, temporary_folder
from taskyard.learner.desk import Desk

if TYPE_CHECKING:
    from taskyard.learner.check import Verdict


NEEDS_DOCKER_STATUS = 3
UNDECIDED_STATUS = 4


def runs_on(choice: Choice) -> Callable[[Lab], bool]:
    """Return a function that tells whether a lab can be done on the chosen engine."""
    return lambda lab: not _lacks_docker(Contract.of(load(lab.demo)), choice)


def _lacks_docker(contract: Contract, choice: Choice) -> bool:
    return choice.name != "docker" and bool(contract.needs_docker)


class Runner:
    """
    The commands of one lab for one learner.

    Attributes:
        number: The lab's number.
        label: The part of the demo's Compose project name that names the lab and the desk.
    """

    def __init__(self, course: Course, lab: Lab, show: Show, folder: Path | None = None) -> None:
        """
        Args:
            folder: The files to run; None means those on the learner's desk.
        """
        self._lab, self._show = lab, show
        self.number = lab.number
        self._desk = None if folder else Desk(course)
        self._folder = folder or self._own_desk().folder(lab)
        # Two desks have labs of the same name, and must not end each other's runs
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
        Show what can be shown of a lab that needs containers, and end, if the engine has none.

        Raises:
            Told: With NEEDS_DOCKER_STATUS, if the lab needs Docker and the engine is local.
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
        Bring the stack up, run the experiment, and take the stack down, or leave it up to `keep`.

        Raises:
            TaskyardError: The stack does not come up, the demo waits for something in vain, or the
                learner's code fails in it.
            Told: With NEEDS_DOCKER_STATUS, or with UNDECIDED_STATUS if this machine is too busy.
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
            first, *rest = error.faults
            faults = [located(first, getattr(error, "log", ""), self._folder), *rest]
            if gone := missing_from(self._folder, self._lab.folder):
                faults.append(Fault(gone, self._folder))
            raise TaskyardError.of(faults) from error
        except Exception as error:
            # A demo that runs the learner's code raises what that has written
            *_, last = str(error).splitlines() or [""]
            own = located(Fault(f"your code: {last}"), str(error), self._folder)
            if own.path is None:
                raise
            raise TaskyardError.of([own]) from error

    def _demo(self, module: Any, contract: Contract, choice: Choice, keep: bool) -> None:
        stack = Stack(self._folder, choice, publish=contract.publish, label=self.label)
        try:
            self._say_what_is_not_shown(stack.project, choice)
            if not contract.starts_itself:
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
        """Print what Compose would warn of, and what the local engine does not do."""
        for warning in project.warnings:
            self._show.say(f"note: {warning}", style="yellow")
        for sentence in choice.engine().unsupported(project):
            self._show.say(f"The local engine {sentence}.", style="dim")

    def _experiment(self, module: Any, stack: Stack) -> None:
        try:
            module.demo(stack, self._show)
        except BusyError:
            raise
        except Exception as error:
            # A service that has died explains why the demo waited in vain, or could go no further
            is_late = isinstance(error, TimeoutError)
            for replica in stack.ps():
                if replica.state == "restarting" or replica.exit_code:
                    died = failure(stack.project, stack.engine, replica)
                    if is_late or place_in(died.log, self._folder):
                        raise died from error
            if not is_late:
                raise
            hint = f"try once more; if it stays so: make doctor, and make check-{self._lab.number}"
            said = Fault(f"{error}; {stack.last_words()}", stack.project.path, hint=hint)
            logs = map(stack.logs, stack.project.services)
            slips = filter(None, (slip_in(log, self._folder)[0] for log in logs))
            raise TaskyardError.of([at(next(slips, ""), said, self._folder)]) from error

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
        """Print each replica's state, its addresses, and where its log is."""
        for replica in run.replicas():
            self._show.raw(f"  {replica.name}: {replica.state}")
            for port, address in replica.addresses.items():
                self._show.raw(f"    port {port}: {address}")
            self._show.raw(f"    log: {replica.log}")

    def ps(self) -> None:
        """Show the replicas of this lab's kept runs."""
        for run in self._kept_or_stop():
            self._show.title(f"{run.name} ({run.engine} engine)")
            try:
                self._show_replicas(run)
            except TaskyardError as error:
                self._show.say(f"It cannot be asked: {error.faults[0].what}.")
                self._show.command(f"make down-{self._lab.number}")

    def logs(self, service: str) -> None:
        """Print the logs of the last kept run, of one service or, if it is empty, of all."""
        run = self._kept_or_stop()[-1]
        for replica in run.find(service):
            self._show.title(replica.name)
            self._show.raw(run.log(replica))

    def shell(self, service: str) -> NoReturn:
        """Replace this process by a shell beside a service of the last kept run."""
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
            report: A file to write the verdicts to, as JSON.

        Raises:
            Told: With NEEDS_DOCKER_STATUS, or with UNDECIDED_STATUS if this machine is too busy for
                a verdict; neither counts as a try.
            TaskyardError: The check itself is broken, or the report cannot be written.
        """
        from taskyard.learner.check import run  # it imports pytest, which no demo should wait for

        self._begin("Check", choice)
        self._need_docker(Contract.of(load(self._lab.demo)), choice)
        with contextlib.suppress(TaskyardError):  # the check has a verdict on a file like this
            self._say_what_is_not_shown(read(self._folder / COMPOSE_FILE), choice)
        if report:
            _save(report, "")  # what cannot be written is told before the check, not after it
        label, trying = f"check-{self.label}", self._show.meanwhile
        handed = self._desk.handed_out(self._lab) if self._desk else {}
        verdicts = run(self._lab.check, self._folder, choice, label, self._tell, trying, handed)
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
                self._show.say(getattr(verdict, name), lead=f"        {name.replace('_', ' ')}: ")

    def hint(self) -> None:
        """Print the next hint."""
        hint = self._own_desk().next_hint(self._lab)
        self._show.title(f"Hint {hint.number} of {hint.total}: {hint.summary}")
        self._show.markdown(hint.text)
        number = self._lab.number
        more = f"make hint-{number}" if hint.number < hint.total else f"make solution-{number}"
        self._show.command(more)

    def is_solved(self) -> bool:
        """Tell whether the learner's check has ever passed."""
        return any(
            row.chapter.lab == self._lab and row.passed
            for row in self._own_desk().progress().chapters
        )

    def solution(self) -> None:
        """Print the difference between the learner's files and the solution."""
        desk = self._own_desk()
        difference = desk.diff(self._lab)
        if difference:
            self._show.difference(difference)
        else:
            self._show.say("Your files are the solution.")
        desk.record(self._lab, "solution")

    def reset(self) -> None:
        """Put the starter back and print where the old files are."""
        kept = self._own_desk().reset(self._lab)
        folder = _short(self._folder)
        if kept is None:
            self._show.say(f"{folder}/ is the starter already.")
        else:
            self._show.say(f"The starter is back in {folder}/; your files are in {_short(kept)}/.")

    def down(self) -> None:
        """Remove this lab's kept runs: their containers or processes, volumes and files."""
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
    """Return the health or the state of each replica in one line."""
    return " · ".join(f"{r.name} {r.health or r.state}" for r in stack.ps())


def _save(report: Path, text: str) -> None:
    try:
        report.write_text(text, encoding="utf-8")
    except OSError as error:
        what = f"the report cannot be written: {(error.strerror or str(error)).lower()}"
        raise TaskyardError(what, path=report) from error


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
