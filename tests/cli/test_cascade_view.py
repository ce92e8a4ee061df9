"""What a person is told of a cascade after a run."""

from __future__ import annotations

from stresstest.cli.cascade_view import cascade_lines
from stresstest.results.cascade import CascadeFigures

WORST = CascadeFigures(
    scenario_id="crash", rounds=3, converged=True, accounts_liquidated_direct=1, accounts_liquidated_feedback=2, notional_sold=24_000.0,
    direct_loss=2_400.0, feedback_loss=6_300.0, amplification=4.5, uncollateralised_loss_static=0.0, uncollateralised_loss=1_500.4,
    owners_in_default_static=0, owners_in_default=2, cover_1=1_000.0, cover_2=1_500.4, uncovered=200.0, not_converged=0,
    floored_assets=0, assets_without_impact=0,
)  # fmt: skip


def test_who_falls_and_what_it_costs() -> None:
    assert cascade_lines(WORST, "The crash") == [
        "Cascade          The crash: 1 account liquidated by the shock, 2 accounts more by sales, in 3 rounds",
        "                 uncollateralised loss 0 before, 1,500 after; 200 of it paid by nobody",
    ]


def test_a_loss_that_is_paid_and_none() -> None:
    paid = WORST.model_copy(update={"uncovered": 0.0})
    assert cascade_lines(paid, "The crash")[1].strip() == "uncollateralised loss 0 before, 1,500 after; all of it paid"
    none = WORST.model_copy(update={"uncollateralised_loss": 0.0, "uncovered": 0.0})
    assert cascade_lines(none, "The crash")[1].strip() == "uncollateralised loss 0 before, 0 after"


def test_nobody_by_sales_and_not_at_rest() -> None:
    first, *_, last = cascade_lines(WORST.model_copy(update={"accounts_liquidated_feedback": 0, "rounds": 1, "not_converged": 1}), "The crash")
    assert first == "Cascade          The crash: 1 account liquidated by the shock, none by sales, in 1 round"
    assert last == "                 not at rest after the last round in 1 headline scenario"
