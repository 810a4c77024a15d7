"""The shop of lab 03 says that an order is taken when it is."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest
from found import COURSE

from taskyard.kit.stack import Stack

REFUSE_AT_THE_END = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE 'not today'; END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON orders
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
"""


def test_an_order_is_answered_after_its_commit(tmp_path: Path) -> None:
    """A database that refuses the order at its commit leaves nobody with a receipt."""
    folder = COURSE.lab("compose-stack").assemble("solution", tmp_path / "lab")
    with Stack(folder, "local") as stack:
        psql = ["psql", "-U", "shop", "-d", "shop", "-v", "ON_ERROR_STOP=1", "-c"]
        done = stack.exec("postgres", [*psql, REFUSE_AT_THE_END])
        assert 0 == done.exit_code, done.stderr
        address = f"{stack.http('api', 8000)}/orders"
        with pytest.raises((urllib.error.URLError, ConnectionError)):
            urllib.request.urlopen(address, b'{"item": "kettle"}', 30)
