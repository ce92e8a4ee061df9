"""The sentence under the light where no account falls short: the scenario that costs most, with the right sign; and what a cascade adds to it."""

from __future__ import annotations

import pytest
from generated.finished_runs import generated_run

from stresstest.report.answer import detail, figures
from stresstest.results.cascade import CascadeFigures
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


WITH_SALES = CascadeFigures(
    scenario_id="down", rounds=3, converged=True, accounts_liquidated_direct=1, accounts_liquidated_feedback=2, notional_sold=24_000.0,
    direct_loss=2_400.0, feedback_loss=6_300.0, amplification=4.5, uncollateralised_loss_static=40.0, uncollateralised_loss=1_500.0,
    owners_in_default_static=0, owners_in_default=2, cover_1=1_000.0, cover_2=1_500.0, uncovered=0.0, not_converged=0,
    floored_assets=0, assets_without_impact=0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "note", "tone"),
    [
        ({}, "all of it paid by the waterfall; Down", ""),
        ({"uncovered": 200.0}, "200 of it paid by nobody; Down", "fail"),
        ({"not_converged": 1}, "all of it paid by the waterfall; Down; 1 scenario not at rest", "fail"),
    ],
    ids=["paid", "uncovered", "not at rest"],
)
def test_the_loss_after_liquidations_stands_for_that_of_the_shock(calm: Summary, changed: dict[str, float], note: str, tone: str) -> None:
    summary = calm.model_copy(update={"cascade": WITH_SALES.model_copy(update=changed)})
    row = {"scenario_id": "up", "pnl": 107.0, "accounts_liquidation": 0, "accounts_default": 0, "owners_in_default": 0, "uncollateralised_loss": 0.0}
    names = {"up": "Up", "down": "Down"}
    assert detail(summary, [row], names, 0).endswith("; worst with liquidations: Down: USD 1.5k below zero, 40 by the shock alone.")
    without, found = (figures(each, row, [row], names) for each in (calm, summary))
    assert [each.label for each in found] == [each.label for each in without]
    (shown,) = (each for each in found if each.label == "Uncollateralised loss")
    assert (shown.value, shown.note, shown.tone) == ("1.5k", f"after liquidations, 40 by the shock alone; {note}", tone)
