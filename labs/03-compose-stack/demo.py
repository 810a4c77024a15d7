"""Lab 03: how your stack starts, what a health check is worth, what stays, what a change takes."""

import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from rich.table import Table
from rich.text import Text

from taskyard.deadline import until
from taskyard.kit.console import Show
from taskyard.kit.stack import ServiceError, Stack, copy_stack
from taskyard.topics.compose_stack.changes import CHANGES, Measurement

STARTS_ITSELF = True

PORT = 8000
POSTGRES_S = 60.0
COMMIT_S = 10.0
LAB = Path(__file__).parent
WAYS = {
    "started.yaml": "its start (a list under depends_on)",
    "lying.yaml": "healthy, by a test that asks nobody",
    "healthy.yaml": "healthy, by a test that connects",
}


def demo(stack: Stack, show: Show) -> None:
    first_start(stack, show)
    race(stack, show)
    what_stays(stack, show)
    if stack.choice.name == "docker":
        what_a_change_takes(stack, show)
    else:
        show.say()
        show.say("What a change takes (a restart, a new container, a new image) needs Docker.")


def first_start(stack: Stack, show: Show) -> None:
    """Start the learner's stack once, and once more if it does not come up."""
    show.say()
    show.say("Nothing of your stack is there yet: no container, no volume.")
    predicted = show.predict("does the API find its database?")
    try:
        with show.step("docker compose up"):
            stack.up()
    except ServiceError as error:
        lines = stack.logs("api").splitlines()
        if not any("no database" in line for line in lines):
            raise error
        show.compare(predicted, "no")
        show.raw("\n".join(f"  api | {line}" for line in lines[-2:]))
        await_postgres(stack)
        with show.step("docker compose up, a second time"):
            stack.up()
        show.say("It works the second time: Postgres was still there from the first.")
    else:
        show.compare(predicted, "yes, the first time")


@contextmanager
def stub(yours: Stack, compose: str) -> Iterator[Stack]:
    """Make a stack of an API and of a service that begins to listen after a while."""
    folder = yours.state / "race" / compose
    with closing(Stack(copy_stack(LAB / "stub", folder, compose), yours.choice)) as stack:
        yield stack


def race(yours: Stack, show: Show) -> None:
    """Start the same two services in three ways, and show what became of the API."""
    show.say()
    show.say("The same with a stand-in: a service that begins to listen after 3 seconds.")
    predicted = show.predict("the API waits until its database is healthy. Is that enough?")
    seen = {}
    with show.step("three starts"):
        for compose, words in WAYS.items():
            with stub(yours, compose) as stack:
                with suppress(ServiceError):  # its log says why
                    stack.up()
                seen[words] = stack.wait_log("api", "no database", "connected").strip()
    show.compare(predicted, "only if the health check asks what a client asks")
    show.table(table_of(("the API waits for", "what it said"), seen))


def orders(stack: Stack, item: str = "") -> int:
    """Order an item, or without an item count all orders."""
    body = json.dumps({"item": item}).encode() if item else None
    with urllib.request.urlopen(f"{stack.http('api', PORT)}/orders", body, 30) as answer:
        return 1 if item else len(json.loads(answer.read())["orders"])


def up(stack: Stack) -> None:
    """Start the stack, and try once more if the API loses the race against its database."""
    try:
        stack.up()
    except ServiceError:
        await_postgres(stack)
        stack.up()


def await_postgres(stack: Stack) -> None:
    """Wait until Postgres accepts connections, as a person does between two tries."""
    asked = ["pg_isready", "--host=127.0.0.1"]
    until(lambda: not stack.exec("postgres", asked).exit_code, "Postgres", POSTGRES_S)


def what_stays(stack: Stack, show: Show) -> None:
    """Order something, and count the orders after each way to stop."""
    show.say()
    orders(stack, "teapot")
    until(lambda: orders(stack), "the order to be in the database", COMMIT_S)
    predicted = show.predict("one order is in the database. After `down` and `up`: how many?")
    seen = {}
    with show.step("stopping and starting"):
        for service in ("postgres", "api"):
            stack.restart(service)
            up(stack)
        seen["restart"] = orders(stack)
        for words, volumes in (("down, up", False), ("down --volumes, up", True)):
            stack.down(volumes)
            up(stack)
            seen[words] = orders(stack)
    show.compare(predicted, str(seen["down, up"]))
    show.table(table_of(("after", "orders"), seen))
    if not seen["down, up"]:
        show.say("The data lay in a volume without a name: `up` made another one.")


def table_of(headings: tuple[str, str], rows: Mapping[str, object]) -> Table:
    table = Table(*headings, box=None, pad_edge=False)
    for words, seen in rows.items():
        table.add_row(Text(words), Text(str(seen)))
    return table


def what_a_change_takes(yours: Stack, show: Show) -> None:
    """Change a running project in ten ways, and measure what makes each change take effect."""
    show.say()
    predicted = show.predict("you add a line to an `env_file`. Do you have to rebuild the image?")
    folder = yours.state / "changes"
    with show.step(f"{len(CHANGES)} changes"), Measurement(folder) as measurement:
        seen = {change.what: measurement.of(change) for change in CHANGES}
    show.compare(predicted, f"no: {seen['a line of the env_file']}")
    show.table(table_of(("I changed", "so the container needs"), seen))
    show.say("`docker compose up` recreates by itself what it must. A rebuild is `up --build`.")
