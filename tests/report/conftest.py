"""Cards of the records built by hand, each rendered once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from auditkit.record import Record
from tests.report.report_records import RECORD_NAMES, RECORDS


@pytest.fixture(scope="session")
def records() -> dict[str, Record]:
    """Every record by name."""
    return {name: make() for name, make in RECORDS.items()}


@pytest.fixture(scope="session")
def card(records: dict[str, Record]) -> Callable[[str], str]:
    """Render a record's card once a session."""
    from auditkit.report.card import render_card

    done: dict[str, str] = {}

    def rendered(name: str) -> str:
        if name not in done:
            done[name] = render_card(records[name])
        return done[name]

    return rendered


@pytest.fixture(params=RECORD_NAMES)
def any_card(request: pytest.FixtureRequest, card: Callable[[str], str]) -> str:
    """The card of each record in turn."""
    return card(request.param)
