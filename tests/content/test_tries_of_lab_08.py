"""The check of lab 08 blames no file for a soft limit that came because the machine was late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded
from found import COURSE

from taskyard.deadline import BusyError
from taskyard.kit.contract import load
from taskyard.kit.stack import Stack

pytestmark = [
    pytest.mark.filterwarnings("ignore:Call to deprecated setex"),  # by Celery itself
    pytest.mark.xdist_group("tries-of-lab-08"),
]

check = load(COURSE.lab("time-limits").check)

COMPOSE = """
services:
  redis: { image: "redis:8-alpine" }
  worker: { image: shop, command: sleep 600 }
"""


class Shop(check.Shop):
    """A shop whose imports end when the check waits for it: some of them late, the rest in time."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack)
        self.uploaded: list[str] = []
        self.late = check.TRIES

    def upload(self, name: str, hangs: int) -> str:
        """Note that the supplier was asked for the row at which it hangs."""
        self.uploaded.append(name)
        self.books.hset(f"asked:{name}", str(hangs), 1)
        return name

    def finish(self, name: str, row: int) -> None:
        """End an import as its turn is."""
        if len(self.uploaded) > self.late:
            self.end(name, row, None, asked=2, booked=check.ROWS)
        else:
            self.end(name, row, SoftTimeLimitExceeded(), asked=2, booked=row)

    def end(self, name: str, row: int, error: Exception | None, asked: int, booked: int) -> None:
        """Write what an import leaves: its result, how often it asked for a row, its entries."""
        self.app.backend.store_result(name, error, "FAILURE" if error else "SUCCESS")
        self.books.hset(f"asked:{name}", str(row), asked)
        entries = {str(number): f"{number} teapot" for number in range(booked)}
        self.books.hset(f"books:{name}", mapping=entries)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "compose.yaml").write_text(COMPOSE)
    with Stack(folder, "local") as stack:
        yield stack


@pytest.fixture
def shop(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop with empty books; what the check waits for happens at once."""

    def put_back(shop: Shop, name: str) -> None:
        shop.stack.start("worker")
        shop.finish(name, check.HALF)

    def let_go_on(shop: Shop, name: str, _: str) -> None:
        shop.finish(name, check.STUCK)

    monkeypatch.setattr(check, "put_back", put_back)
    monkeypatch.setattr(check, "let_go_on", let_go_on)
    shop = Shop(stack)
    shop.books.flushall()
    yield shop
    shop.close()


def test_a_soft_limit_is_too_early_only_if_a_try_could_succeed(shop: Shop) -> None:
    """The supplier was asked for the row once more, or the import came further than that row."""
    soft, row = SoftTimeLimitExceeded(), check.STUCK
    ends: dict[str, tuple[Exception | None, int, int]] = {
        "asked again": (soft, 2, row),
        "came further": (soft, 1, row + 1),
        "tried once": (soft, 1, row),
        "hard limit": (TimeLimitExceeded(3), 2, row),
        "another error": (ConnectionError("no supplier"), 2, row + 1),
        "no error": (None, 2, check.ROWS),
    }
    for name, (error, asked, booked) in ends.items():
        shop.end(name, row, error, asked, booked)
    too_slow = {name for name in ends if shop.was_too_slow(name, name, row)}
    assert {"asked again", "came further"} == too_slow


def go_on(shop: Shop) -> None:
    check.test_import_goes_on(shop, {"stuck": shop.upload("stuck", check.STUCK)})


def kill(shop: Shop) -> None:
    check.test_killed_worker_loses_nothing(shop)


EACH = pytest.mark.parametrize("requirement", [go_on, kill])


@EACH
def test_an_import_that_ended_late_is_tried_again(requirement: Any, shop: Shop) -> None:
    """The first that ends in time decides."""
    shop.late = check.TRIES - 1
    requirement(shop)
    assert check.TRIES == len(shop.uploaded)


@EACH
def test_a_machine_that_is_late_each_time_gets_no_verdict(requirement: Any, shop: Shop) -> None:
    """The check says that the machine is too busy, and names no fault of a file."""
    with pytest.raises(BusyError, match=f"too busy.*, {check.TRIES} times; saw the soft limit"):
        requirement(shop)
    assert check.TRIES == len(shop.uploaded)
