"""Requirements: how a check reports what it did, saw and expected."""

from __future__ import annotations

import http.client
import json
import urllib.request
from typing import Any

from taskyard.kit.blame import meaning_of, place_in
from taskyard.kit.stack import Stack

ASK_S = 30.0


class Unmet(AssertionError):
    """
    A requirement that does not hold.

    Attributes:
        did: What the check did, as a clause: `killed the worker`.
        saw: What happened then.
        expected: What should have happened.
        look_at: Where to look in the learner's files, such as `tasks.py:12`.
    """

    def __init__(self, did: str, saw: str, expected: str, look_at: str) -> None:
        self.did, self.saw, self.expected, self.look_at = did, saw, expected, look_at
        super().__init__(f"did {did}; saw {saw}; expected {expected}; look at {look_at}")


def require(holds: object, *, did: str, saw: object, expected: str, look_at: str) -> None:
    """
    Go on if a requirement holds; see `Unmet` for the arguments.

    Raises:
        Unmet: It does not hold.
    """
    if not holds:
        raise Unmet(did, str(saw), expected, look_at)


def ask(
    stack: Stack,
    service: str,
    port: int,
    path: str,
    content: object = None,
    timeout_s: float = ASK_S,
) -> Any:
    """
    Send a service an HTTP request and return the JSON of its answer.

    Args:
        port: The container's port.
        content: If given, the request is a POST with this content as JSON; otherwise a GET.
        timeout_s: How long the answer may take.

    Raises:
        Unmet: There was no answer, or an error; quotes the end of the service's log.
    """
    body = None if content is None else json.dumps(content).encode()
    try:
        with urllib.request.urlopen(
            f"{stack.http(service, port)}{path}", body, timeout_s
        ) as answer:
            return json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        last = stack.last_line(service)
        told = f"no answer ({error}); its log ends with: {last}"
        compose = f"compose.yaml:{stack.project.services[service].line}, the service `{service}`"
        raise Unmet(
            did=f"asked the {service} for {path}",
            saw="; ".join(filter(None, (told, meaning_of(last)))),
            expected="an answer",
            look_at=place_in(stack.logs(service), stack.project.path.parent) or compose,
        ) from None


def listens(stack: Stack, service: str, port: int, path: str = "/health") -> bool:
    """Tell whether a service answers an HTTP request, as it may not yet after a restart."""
    try:
        return bool(ask(stack, service, port, path))
    except Unmet:
        return False
