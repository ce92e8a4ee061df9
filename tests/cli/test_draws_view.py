"""What a person is told of weighted scenarios after a run."""

from __future__ import annotations

import polars as pl

from stresstest.cli.draws_view import draws_lines
from stresstest.results.draws import DrawFigures, TailFigures

DRAWN = DrawFigures(
    family="mc", horizon_days=10.0, scenarios=1_000, effective_scenarios=1_000.0, stated_weight=1.0, expected_loss=10.0,
    tails=tuple(
        TailFigures(level=level, value_at_risk=0.0, expected_shortfall=loss, expected_shortfall_standard_error=None, scenarios_in_tail=25)
        for level, loss in ((0.95, 1.0), (0.975, 1_234_567.8), (0.99, 2.0))
    ),
    expected_margin_shortfall=0.0, expected_uncollateralised_loss=0.0, probability_of_a_default=0.123,
    probability_of_a_default_standard_error=0.01, accounts_that_may_fail=12, accounts_likely_to_fail=1,
)  # fmt: skip

NOBODY = pl.DataFrame(schema={"family": pl.String, "horizon_days": pl.Float64, "base_status": pl.String, "p_liquidation": pl.Float64})


def test_the_tail_of_the_book_and_who_is_likely_to_fail() -> None:
    assert draws_lines([DRAWN], NOBODY) == [
        "Probabilities    mc, 1,000 scenarios over 10 days: mean loss of the worst 2.5% (expected shortfall) 1,234,568",
        "                 probability that any owner is in default 12.3%; 1 account likely to fail (in half of them or more)",
    ]


def test_the_largest_family_speaks_and_others_are_counted() -> None:
    small = DRAWN.model_copy(update={"family": "small", "scenarios": 3})
    one_day = DRAWN.model_copy(update={"horizon_days": 1.0})
    assert draws_lines([small, one_day], NOBODY)[0].startswith("Probabilities    mc, 1,000 scenarios over 1 day: ")
    assert draws_lines([small, one_day], NOBODY)[0].endswith("; 1 more family in the report")
    assert draws_lines([small, one_day, small], NOBODY)[0].endswith("; 2 more families in the report")


def test_a_gain_and_no_default_are_said_and_nothing_of_a_run_without_weights() -> None:
    tails = tuple(each.model_copy(update={"expected_shortfall": -5.0}) for each in DRAWN.tails)
    won = DRAWN.model_copy(update={"tails": tails, "probability_of_a_default": 0.0, "accounts_likely_to_fail": 0})
    first, second = draws_lines([won], NOBODY)
    assert first.endswith("mean gain of the worst 2.5% (expected shortfall) 5")
    assert second.strip() == "no owner is in default in any of them; 0 accounts likely to fail (in half of them or more)"
    rare = DRAWN.model_copy(update={"probability_of_a_default": 1e-6})
    assert "in default below 0.01%;" in draws_lines([rare], NOBODY)[1]
    assert draws_lines([], NOBODY) == []


def test_accounts_that_have_failed_already_are_told_apart() -> None:
    rows = [
        ("mc", 10.0, "liquidation", 0.9), ("mc", 10.0, "default", 1.0), ("mc", 10.0, "liquidation", 0.4),  # the last may be saved
        ("mc", 10.0, "ok", 0.5), ("mc", 1.0, "default", 1.0), ("other", 10.0, "default", 1.0),
    ]  # fmt: skip
    accounts = pl.DataFrame(rows, schema=NOBODY.schema, orient="row")
    likely = draws_lines([DRAWN.model_copy(update={"accounts_likely_to_fail": 3})], accounts)[1]
    assert likely.endswith("; 3 accounts likely to fail (in half of them or more), 2 of them at base already")
