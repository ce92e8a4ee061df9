"""Published portfolio managers by the reference calculation alone: what the documentation says gives the published figures."""

from __future__ import annotations

import pytest
from oracle.reading import snapshot_of
from oracle.totals import run_snapshot
from published.case_book import AS_OF, BASE, CaseBook, Runs
from published.derive_portfolio import portfolio_1, portfolio_2
from published.venues import COLLECTION, collection

pytestmark = pytest.mark.skipif(not COLLECTION.exists(), reason="the collection of published cases is not part of the repository")

TRANSLATED = {"derive_pmrm1": portfolio_1, "derive_pmrm2": portfolio_2}
FILES = collection()
CASES = [(name, case) for name in TRANSLATED for case in FILES.get(name, {}).get("cases", ())]


@pytest.mark.parametrize(("name", "case"), CASES, ids=[case["id"] for _, case in CASES])
def test_the_reference_gives_the_published_figures(name: str, case: dict[str, object]) -> None:
    book = CaseBook()
    outcome = TRANSLATED[name](case, FILES[name], book)
    if not isinstance(outcome, Runs):
        pytest.skip(str(outcome))
    book.tables["assets"].append({"asset": "USD", "price": 1.0})
    margin = {"collateral_schedules": book.collateral_schedules, "margin_schedules": {}, "models": book.models}
    result = run_snapshot(snapshot_of(book.tables, AS_OF, "USD"), margin, [])
    assert [wrong for check in outcome.checks if (wrong := check.wrong(result.accounts[check.account, BASE])) is not None] == []
