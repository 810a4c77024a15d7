"""The command line; `make` calls it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import click

from taskyard.errors import OutputLost, TaskyardError, Told

PARENT_S = 0.5
UNDER_MAKE = "taskyard.under_make"


class Taskyard(click.Group):
    """Shows a mistake as a sentence, and a bug in the tooling with all of its traceback."""

    def main(self, *args: Any, **options: Any) -> Any:
        try:
            return super().main(*args, **options)
        except OSError as error:
            try:
                os.write(sys.stdout.fileno(), b"\n")
            except OSError:  # the output is lost, so the error is not a bug in the tooling
                raise SystemExit(_without_output(error)) from None
            raise

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except TaskyardError as error:
            click.echo(str(error), err=True)
            raise SystemExit(1) from None
        except Told:
            if ctx.meta[UNDER_MAKE] and sys.stdout.isatty() and not os.environ.get("CI"):
                raise SystemExit(0) from None  # otherwise make prints an error below the verdict
            raise
        except OutputLost as lost:
            raise SystemExit(_without_output(lost.__cause__)) from None
        except (KeyboardInterrupt, click.Abort) as stop:
            click.echo("\nstopped" if isinstance(stop, click.Abort) else "stopped", err=True)
            number = stop.args[0] if isinstance(stop, Stopped) else signal.SIGINT
            raise SystemExit(128 + number) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), "cards"])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name == "cards":  # imported only here, because its libraries would delay every lab
            from taskyard.cards.commands import cards

            return cards
        return super().get_command(ctx, name)


@click.group(cls=Taskyard, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--engine", type=click.Choice(["docker", "local"]), help="Use this engine only.")
@click.pass_context
def main(context: click.Context, engine: str | None) -> None:
    """Taskyard: Docker, Redis, Celery, ARQ and FastAPI by experiment."""
    context.obj = engine
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    context.meta[UNDER_MAKE] = _end_with_make()


def _without_output(error: BaseException | None) -> int:
    """Say why the output cannot be written, unless its reader is gone; return the exit status."""
    with Path(os.devnull).open("w") as nothing:  # what is still buffered must not fail at exit
        os.dup2(nothing.fileno(), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return 128 + signal.SIGPIPE
    reason = getattr(error, "strerror", None) or str(error)
    click.echo(f"error: what this prints cannot be written: {reason.lower()}", err=True)
    return 1


class Stopped(KeyboardInterrupt):
    """A signal that ends a command as Ctrl-C does, even in the middle of a check."""


def _leave(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)


def _end_with_make() -> bool:
    """
    End when the `make` that started this is gone; a SIGKILL of `make` does not reach this process.

    Returns:
        Whether `make` started this process.
    """
    make = os.environ.pop("TASKYARD_MAKE", "")  # its process id; the Makefile sets it

    def watch() -> None:
        while os.getppid() == int(make):
            time.sleep(PARENT_S)
        os.kill(os.getpid(), signal.SIGTERM)

    if make.isdigit():
        threading.Thread(target=watch, daemon=True).start()
    return make.isdigit()


def _runner(key: str, folder: Path | None = None) -> Any:
    from taskyard.course import Course
    from taskyard.kit.console import Show
    from taskyard.learner.runner import Runner

    course = Course.discover()
    return Runner(course, course.lab(key), Show(), folder)


def _course_of_an_author() -> Any:
    """Discover the course for somebody who writes it, and stop at what is wrong with its pages."""
    from taskyard.course import Course

    course = Course.discover()
    if faults := course.faults():
        raise TaskyardError.of(faults)
    return course


FOLDER = click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Run these files instead of the ones on your desk.",
)


@main.command()
@click.argument("lab")
@FOLDER
@click.pass_obj
def lab(engine: str | None, lab: str, folder: Path | None) -> None:
    """Run the experiment of a lab on your files."""
    from taskyard.engine import choose

    choice = choose(engine)
    _runner(lab, folder and folder.resolve()).demo(choice, keep=os.environ.get("KEEP") == "1")


@main.command()
@click.argument("lab")
@FOLDER
@click.option("--json", "report", type=click.Path(path_type=Path), help="Write the verdicts here.")
@click.pass_obj
def check(engine: str | None, lab: str, folder: Path | None, report: Path | None) -> None:
    """Check your files against the requirements of a lab."""
    from taskyard.engine import choose

    runner = _runner(lab, folder and folder.resolve())
    if not runner.check(choose(engine), report):
        raise Told(1)


@main.command()
@click.argument("lab")
def hint(lab: str) -> None:
    """Show the next hint."""
    _runner(lab).hint()


@main.command()
@click.argument("lab")
@click.option("--yes", is_flag=True, help="Do not ask.")
def solution(lab: str, yes: bool) -> None:
    """Compare your files with the solution; asks first if your check has not passed."""
    runner = _runner(lab)
    if not (yes or runner.is_solved()):
        question = "Your check has not passed yet. Show the solution all the same?"
        if not sys.stdin.isatty():
            raise TaskyardError(
                "your check has not passed yet, and there is nobody to ask",
                hint=f".venv/bin/python -m taskyard solution {lab} --yes",
            )
        if not click.confirm(question):
            click.echo(f"The next hint may be enough: make hint-{runner.number}")
            return
    runner.solution()


@main.command()
@click.argument("lab")
def reset(lab: str) -> None:
    """Put the starter back; your files are kept beside it."""
    _runner(lab).reset()


@main.command()
@click.argument("lab")
def down(lab: str) -> None:
    """Remove what a kept run of a lab left."""
    _runner(lab).down()


SERVICE = click.option(
    "--service", default="", help="A service such as worker, or one replica such as worker-2."
)


@main.command()
@click.argument("lab")
def ps(lab: str) -> None:
    """Show how the services of a kept lab are, and where they answer."""
    _runner(lab).ps()


@main.command()
@click.argument("lab")
@SERVICE
def logs(lab: str, service: str) -> None:
    """Show what the services of a kept lab wrote."""
    _runner(lab).logs(service)


@main.command()
@click.argument("lab")
@SERVICE
def shell(lab: str, service: str) -> None:
    """Open a shell beside a service of a kept lab."""
    _runner(lab).shell(service)


@main.command()
@click.pass_obj
def progress(engine: str | None) -> None:
    """Show what you have run and solved, and the next step."""
    from rich.table import Table

    from taskyard.course import Course
    from taskyard.engine import choose
    from taskyard.kit.console import Show
    from taskyard.learner.desk import Desk
    from taskyard.learner.runner import runs_on

    show, desk = Show(), Desk(Course.discover())
    table = Table(box=None, pad_edge=False)
    for heading in ("", "chapter", "demo", "check", "hints"):
        table.add_column(heading)
    done = desk.progress(runs_on(choose(engine)))
    for row in done.chapters:
        tries = f"{row.failed} {'try' if row.failed == 1 else 'tries'}" if row.failed else "open"
        check = "passed" if row.passed else tries if row.runs else "needs Docker"
        demo = "run" if row.demo else "-"
        number = f"{row.chapter.number:02}"
        table.add_row(number, row.chapter.title, demo, check, str(row.hints or "-"))
    show.table(table)
    for notice in desk.notices():
        show.say(f"note: {notice}", style="yellow")
    if done.next_step:
        show.say("Next:")
        show.command(done.next_step)
    elif any(row.is_open for row in done.chapters):
        show.say("Every check that this machine can run has passed; the others need Docker:")
        show.command("make doctor")
    else:
        show.say("Every check has passed.")


@main.command()
def doctor() -> None:
    """Look for what could keep a lab from running, with the cure."""
    from taskyard.files import ROOT
    from taskyard.kit.console import Show
    from taskyard.learner.doctor import examine

    show, findings = Show(), list(examine(ROOT))
    for finding in findings:
        show.outcome(finding.word, f"{finding.what}: {finding.found}")
        if finding.cure:
            show.say(finding.cure, lead="        ")
    raise SystemExit(any(finding.word == "FAIL" for finding in findings))


@main.command()
@click.argument("name")
def new(name: str) -> None:
    """Make the next chapter, its lab and its cards from the templates."""
    from taskyard.course import Course
    from taskyard.course.chapter_map import write_map
    from taskyard.course.template import create

    for path in create(_course_of_an_author(), name):
        click.echo(path)
    write_map(Course.discover())
    click.echo("next: fill in each TODO, then make notebooks cards-lock and make test")


@main.command()
@click.option("--fresh", is_flag=True, help="Renew the outputs of cells that measure as well.")
@click.argument("chapters", nargs=-1)
def notebooks(fresh: bool, chapters: tuple[str, ...]) -> None:
    """Build the notebooks from the chapters."""
    from taskyard.notebook.build import build

    course = _course_of_an_author()
    for chapter in [course.chapter(key) for key in chapters] or course.chapters:
        changed = build(chapter.path, chapter.notebook, fresh=fresh)
        click.echo(f"{chapter.notebook.name}: {'built' if changed else 'as it was'}")


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS OF JUPYTERLAB]...")
def start(options: tuple[str, ...]) -> None:
    """Open the chapters in JupyterLab, on a copy on your desk; other options go to it."""
    from taskyard.course import Course
    from taskyard.learner import jupyter
    from taskyard.learner.desk import Desk

    course = Course.discover()
    jupyter.start(course, Desk(course).root, options)


@main.command("map")
def draw_map() -> None:
    """Write the table of chapters in README.md."""
    from taskyard.course.chapter_map import write_map

    write_map(_course_of_an_author())
