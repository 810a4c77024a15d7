"""The verdict on the order in which a stack starts."""

from pathlib import Path

from taskyard.deadline import BusyError, slowness
from taskyard.kit.contract import load
from taskyard.kit.requirement import Unmet
from taskyard.kit.stack import Stack

startup = load(Path(__file__).with_name("startup.py"))

LIMIT_S = 900.0
DEADLINE_S = 60.0
ENOUGH_S = 20.0
"""What a health check must allow for, as the README says; one that allows less gives up here."""
AT_ONCE_S = 4.0
"""In this time an API that waits for nothing has asked, if the machine is quiet."""
BUSY = 2.0
"""On a machine that is slower than idle by this factor, a late API proves nothing."""
EXPECTED = "an API that is not started before the database can be reached"
LIES = {
    "start": "while no Postgres runs: this health check asks nobody, or does not mind the answer",
    "ready": "while Postgres answers on its socket and nobody can connect: "
    "this health check asks where no client ever asks",
}


def blame(stack: Stack, start: startup.Start, gate: str, did: str) -> None:
    """Raise Unmet if a health check or the API was too early while a gate was shut."""
    postgres = stack.project.services["postgres"]
    if start.is_lie:
        saw = f"`{startup.shown_test(postgres)}` says healthy {LIES[gate]}"
        raise Unmet(did, saw, EXPECTED, "compose.yaml, postgres, healthcheck: what does it ask?")
    if start.refusals():
        accuse(stack, start, did)
    if start.error:
        give_up(stack, start, did)


def give_up(stack: Stack, start: startup.Start, did: str) -> None:
    """Raise Unmet for a start that failed before the API asked for its database."""
    lost = [one.service for one in stack.ps() if one.health == "unhealthy"]
    saw, look_at = f"Compose gave up: {start.error}", "compose.yaml"
    if lost and (given_s := startup.allowed_s(stack.project.services[lost[0]])) < ENOUGH_S:
        saw = f"the health check of `{lost[0]}` gave up after {given_s:.0f} s. {start.error}"
        look_at = f"compose.yaml, {lost[0]}, healthcheck: how long may a first start take?"
    elif slowness() > BUSY:
        raise BusyError("waited for a stack that gave up", start.error)
    raise Unmet(did, saw, f"a stack that comes up, also if it takes {ENOUGH_S:.0f} s", look_at)


def accuse(stack: Stack, start: startup.Start, did: str) -> None:
    """Raise Unmet for an API that asked its database too early, with the reason."""
    api = stack.project.services["api"]
    once = max(1, len(start.replicas("api")))
    startup.until(lambda: len(start.refusals()) > once or start.is_over("api"), DEADLINE_S)
    asked, after_s = start.refusals(), start.asked_after_s
    condition = startup.condition(stack.project)
    saw = f"the API asked {after_s:.0f} s after its start, and ended: {asked[0]}"
    look_at = "compose.yaml, api, depends_on: which condition does it wait for?"
    if len(asked) > once:
        saw = f"the API asked {len(asked)} times in vain: that is no order, but a loop"
        look_at = "compose.yaml, api: `restart` cures a crash; what prevents this one?"
        if api.restart.policy == "no":
            look_at = "compose.yaml, api, command: what could it wait for, instead of trying?"
    elif api.links:
        saw += "; `links` start one container before another, and wait for nothing"
    elif condition:
        saw += f"; it waits until Postgres {condition}"
    else:
        saw += "; nothing in your file makes it wait for Postgres"
    if len(asked) <= once and after_s > AT_ONCE_S:  # of itself, or because this machine is slow
        saw += ". If it sleeps first: a sleep is a guess, whatever Postgres does meanwhile"
    raise Unmet(did, saw, EXPECTED, look_at)


def is_refused(stack: Stack) -> bool:
    """Tell whether Postgres has refused the API's password, which is the next requirement's."""
    return "password authentication failed" in stack.logs("api")


def await_api(stack: Stack, start: startup.Start, did: str, slow_s: float = 0.0) -> None:
    """Raise Unmet unless the API asks its database soon after it can."""
    startup.until(lambda: start.is_settled() or start.is_late(slow_s), LIMIT_S, is_exact=True)
    if is_refused(stack):
        start.join(LIMIT_S)
        return
    if start.refusals():
        if not start.is_misled():
            accuse(stack, start, did)
        saw = f"Postgres can be reached, and the API does not find it: {start.refusals()[-1]}"
        raise Unmet(did, saw, "an API that finds its database", "compose.yaml, api, DATABASE_URL")
    if not start.is_settled():
        if slowness() > BUSY:
            raise BusyError("waited for the API to ask its database")
        saw, look_at = start.delay()
        saw = f"Postgres can be reached, and {saw}"
        raise Unmet(did, saw, "an API that then asks at once", look_at)
    start.is_reachable()  # if the API was faster than this, the time is noted now
    start.join(LIMIT_S)
    if start.error:
        give_up(stack, start, did)
