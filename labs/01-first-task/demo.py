"""Lab 01: the same twelve e-mails, in the request and in the background."""

import json

from rich.table import Table

from taskyard.kit.console import Show
from taskyard.kit.queue import look, wait_for
from taskyard.kit.recorder import Recorder
from taskyard.kit.stack import Stack

EMAILS = 12

IN_THE_REQUEST = "send_email(address)"
IN_THE_BACKGROUND = "send_email.delay(address)"

ORDER = """
import json, time
from tasks import send_email
addresses = [f"customer-{{n}}@example.com" for n in range({emails})]
began = time.perf_counter()
for address in addresses:
    {call}
print(json.dumps(time.perf_counter() - began))
"""


def order(stack: Stack, call: str) -> float:
    """Run an order's loop inside the shop; return the seconds that the customer waits."""
    script = ORDER.format(emails=EMAILS, call=call)
    done = stack.exec("shop", ["python", "-c", script])
    if done.exit_code:
        raise RuntimeError(done.stderr)
    return float(json.loads(done.stdout))


def demo(stack: Stack, show: Show) -> None:
    broker, backend = stack.url("redis", 0), stack.url("redis", 1)
    hosts = {replica.hostname: replica.name for replica in stack.ps()}
    show.say()
    show.say(f"An order sends {EMAILS} e-mails. The mail server takes half a second for each.")
    predicted = show.predict(f"how long does the customer wait, with {IN_THE_REQUEST}?")
    with show.step("in the request"):
        in_request = order(stack, IN_THE_REQUEST)
    show.compare(predicted, f"{in_request:.1f} s")

    with Recorder(broker, stack.workers(), labels=hosts) as recorder:
        predicted = show.predict(f"and with {IN_THE_BACKGROUND}?")
        in_background = order(stack, IN_THE_BACKGROUND)
        seen = look(broker, backend)
        show.compare(predicted, f"{in_background:.2f} s")
        show.say()
        show.say("At that moment Redis held:")
        show.table(seen.table())
        show.say("A message that is missing here runs: it left Redis when its task began.")
        with show.step("the worker sends them"):
            timeline = recorder.wait(EMAILS)
    after = wait_for(lambda seen: seen.is_quiet, broker, backend)

    show.say()
    show.say("Who sent which e-mail when (each block is one):")
    show.raw(timeline.chart(show.width, show.ascii_only))
    show.say()
    show.table(comparison(in_request, in_background, timeline.seconds))
    show.say()
    show.say(
        "The work took its time in both ways. In the background the customer did not wait for it: "
        f"the shop left {EMAILS} messages in Redis, a worker ran {timeline.at_once()} at once, and "
        f"left {len(after.results)} results."
    )


def comparison(in_request: float, in_background: float, worked: float) -> Table:
    """Compare the two ways in a table."""
    table = Table(box=None, pad_edge=False)
    for heading in ("", "customer waits", "e-mails sent after"):
        table.add_column(heading, justify="left" if not heading else "right")
    table.add_row("in the request", f"{in_request:.2f} s", f"{in_request:.2f} s")
    table.add_row("in the background", f"{in_background:.2f} s", f"{in_background + worked:.2f} s")
    return table
