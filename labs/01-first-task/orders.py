"""The orders of some customers, for check.py: what the shop tells of them, and what Redis knows."""

import json
from collections import Counter

import redis
from celery import Celery, states

from taskyard.deadline import patient, until
from taskyard.kit.queue import look
from taskyard.kit.requirement import Unmet, ask, listens, require
from taskyard.kit.stack import Stack

PORT = 8000
EMAILS = 8
DEADLINE_S = 30.0
ANSWER_S = 5.0
SOFT_S = 0.1
"""A time limit within which no e-mail can be sent."""
SENT = "sent to "
"""The beginning of what `send_email` returns."""


class Orders:
    """
    All orders so far, and what became of their e-mails.

    Attributes:
        addresses: The shop's id of each e-mail to its address, in the order of the orders.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.broker, self.backend = stack.url("redis"), stack.url("redis", 1)
        self.app = Celery(broker=self.broker, backend=self.backend, set_as_current=False)
        self.addresses: dict[str, str] = {}

    def place(self, customer: str) -> list[str]:
        """Order an e-mail to each address of a customer; return the shop's ids."""
        addresses = [f"{customer}-{number}@example.com" for number in range(EMAILS)]
        ids = ask(self._stack, "shop", PORT, "/orders", addresses)["ids"]
        did = f"ordered, with {EMAILS} e-mails"
        look_at = "endpoint.py, place_order: what does it return?"
        saw, expected = f"the ids {ids}", f"{EMAILS} ids"
        is_list = isinstance(ids, list) and len(ids) == EMAILS
        require(is_list, did=did, saw=saw, expected=expected, look_at=look_at)
        counts = Counter([*self.addresses, *ids])
        again, count = counts.most_common(1)[0]
        require(
            count == 1,
            did=f"{did}, and looked through the ids of all orders so far",
            saw=f"{count} e-mails have the id `{again}`",
            expected="one id for each e-mail, which no other e-mail has, before or after",
            look_at=look_at,
        )
        self.addresses.update(zip(ids, addresses, strict=True))
        return ids

    def waiting(self) -> list[str]:
        """Return the id of each message that waits."""
        queues = look(self.broker).waiting.values()
        return [message.id for messages in queues for message in messages]

    def limit_time(self) -> None:
        """Give each message that waits a time limit within which no e-mail can be sent."""
        with redis.Redis.from_url(self.broker) as store:
            for key in store.scan_iter(_type="list"):
                for place, text in enumerate(store.lrange(key, 0, -1)):
                    message = json.loads(text)
                    message["headers"]["timelimit"] = [None, SOFT_S]
                    store.lset(key, place, json.dumps(message))

    def ended(self) -> list[str]:
        """Return the id of each task whose end a worker has stored."""
        return [one.id for one in look(self.broker, self.backend).results]

    def sent(self) -> Counter[str]:
        """Count the e-mails that a worker has sent to each address, by the stored results."""
        results = (str(self.app.AsyncResult(one).result) for one in self.ended())
        return Counter(one.removeprefix(SENT) for one in results if one.startswith(SENT))

    def let_rest(self) -> None:
        """
        Wait until a worker has taken all messages and is done with them.

        Raises:
            Unmet: Some still wait; says in which queue.
        """

        def missed() -> Unmet:
            seen = look(self.broker)
            saw = f"{len(self.waiting())} messages wait in the queue `{', '.join(seen.waiting)}`, "
            saw += "from which no worker takes"
            if not seen.waiting:
                saw = (
                    f"{len(seen.unacknowledged)} messages at the worker, which does not begin them"
                )
            return Unmet(
                did="ordered, and waited for the worker",
                saw=saw,
                expected="messages that the worker takes, and begins",
                look_at="endpoint.py, place_order: which queue, and when?",
            )

        what = "the worker to take all messages"
        until(lambda: look(self.broker).is_quiet, what, DEADLINE_S, missed=missed)

    def wait_until_ended(self, tasks: int) -> None:
        """
        Wait for results, because a task that is acknowledged may still run.

        Raises:
            Unmet: There are fewer.
        """

        def missed() -> Unmet:
            ended, waiting = len(self.ended()), len(self.waiting())
            return Unmet(
                did=f"waited for the worker to end {tasks} e-mails, all that were ordered",
                saw=f"{ended} results in Redis, when {waiting} messages wait",
                expected=f"{tasks} results: without one, nobody can tell that an e-mail is sent",
                look_at="endpoint.py, place_order: with which options does it send?",
            )

        what = f"{tasks} results in Redis"
        until(lambda: len(self.ended()) >= tasks, what, DEADLINE_S, missed=missed)

    def restart_shop(self) -> None:
        self._stack.restart("shop")
        until(lambda: listens(self._stack, "shop", PORT), "the shop to listen again", DEADLINE_S)

    def told(self, email: str) -> str:
        """Return what the shop tells of an e-mail."""
        path = f"/emails/{email}"
        answer = ask(self._stack, "shop", PORT, path, timeout_s=patient(ANSWER_S))
        return str(answer["state"])

    @staticmethod
    def require_state(state: str, did: str, *expected: str) -> None:
        """Require one of some states to be told."""
        look_at = "endpoint.py, email_state"
        if state in states.ALL_STATES:
            look_at += " and place_order: who knows the state of this e-mail, and by which id?"
        else:
            look_at += f": `{state}` is no state of Celery's"
        wanted = " or ".join(expected)
        require(state in expected, did=did, saw=state, expected=wanted, look_at=look_at)
