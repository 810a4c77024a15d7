"""Ask a shop in a container, and say why one does not answer."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any

from taskyard.deadline import until
from taskyard.errors import TaskyardError
from taskyard.kit.requirement import Unmet, require

ANSWER_S = 20.0
CMD = "Dockerfile, CMD: "


def require_label(yard: Any, did: str, shop: Any, ask: Callable[[str], Any]) -> None:
    """Require that the shop answers with the barcode of some digits, as its library reckons it."""
    digits = "".join(random.choices("0123456789", k=12))
    seen = answer(yard, did, shop, ask, f"/labels/{digits}")
    code = yard.code(digits)
    require(
        code in str(seen),
        did=f"{did}, and asked its shop for the label of {digits}",
        saw=seen,
        expected=f"a label with {code}",
        look_at="Dockerfile: what does the image start, and from which ean.c is its library?",
    )


def answer(yard: Any, did: str, shop: Any, ask: Callable[[str], Any], path: str) -> Any:
    """Ask the shop as soon as it listens; if it never does, quote the end of its log."""

    def asked() -> list[Any]:
        try:
            return [ask(path)]
        except (OSError, ValueError, TaskyardError):
            if not shop.is_running():
                raise silent(yard, did, shop) from None
            return []

    missed = partial(silent, yard, did, shop)
    return until(asked, "an answer of the shop", ANSWER_S, missed=missed)[0]


def silent(yard: Any, did: str, shop: Any) -> Unmet:
    """Say why a shop gives no answer."""
    state, last = shop.inspect("{{.State.Status}}"), shop.last_line()
    look_at = CMD + "what does it start, and at which address does that listen?"
    if "No module named" in last:
        files = yard.files(yard.first)
        if not files["packages"]:
            look_at = "Dockerfile: is what was installed copied into the last stage?"
        elif not yard.may_read(yard.first, files["packages"]):
            last += f"; it is in `{files['packages'][0]}`, which the image's user may not read"
            look_at = "Dockerfile: where it installs, and USER"
        elif files["developer"]:
            look_at = "Dockerfile and .dockerignore: what is copied over what was installed?"
        else:
            last += f"; it is in `{files['packages'][0]}`"
            look_at = "Dockerfile: which Python does CMD start, and where does it look?"
    elif "Permission denied" in last or "PermissionError" in last:
        look_at = "Dockerfile: whose are the files, and may USER read them?"
    elif shop is not yard.shop:
        look_at = CMD + "what does it fetch that could be in the image?"
    return Unmet(
        did=f"{did} and asked its shop",
        saw=f"no answer, the container is {state}; its log ends with: {last}",
        expected="an answer",
        look_at=look_at,
    )
