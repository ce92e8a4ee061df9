"""The sentence under the light where no account falls short: the scenario that costs most, with the right sign."""

from __future__ import annotations

import pytest
from generated.finished_runs import generated_run

from stresstest.report.answer import detail
from stresstest.results.summary import Summary

MINUS = "\N{MINUS SIGN}"


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """A summary whose worst scenario leaves nobody short."""
    folder = generated_run(tmp_path_factory.mktemp("calm") / "run", accounts=20, stressed=2, others=0)
    made = Summary.model_validate_json((folder / "summary.json").read_bytes())
    assert made.worst is not None
    return made.model_copy(update={"worst": made.worst.model_copy(update={"scenario_id": "up", "margin_shortfall": 0.0, "pnl": 107.0})})


@pytest.mark.parametrize(
    ("results", "told"),
    [
        ({"up": 107.0, "down": -2_300.0}, "largest loss: Down, USD 2.3k over all accounts"),
        ({"up": 107.0}, "no loss, the smallest P&L: Up, USD +107 over all accounts"),
        ({"up": 107.0, "down": 0.0}, "no loss, the smallest P&L: Down, USD 0 over all accounts"),
    ],
    ids=["a loss is positive", "a gain is no loss", "nothing"],
)
def test_the_scenario_that_costs_most_where_nobody_falls_short(calm: Summary, results: dict[str, float], told: str) -> None:
    rows = [{"scenario_id": scenario, "pnl": pnl} for scenario, pnl in results.items()]
    assert detail(calm, rows, {"up": "Up", "down": "Down"}, 0).startswith(f"Nothing to report, 20 accounts checked; {told}; Cover-2 ")
