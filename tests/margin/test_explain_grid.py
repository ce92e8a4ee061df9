"""Expiries with their discounts, and losses capped at what options can still lose: frames written out by hand."""

from __future__ import annotations

from datetime import timedelta
from math import exp

import polars as pl
import pytest
from margin.explain_case import AS_OF, Row

from stresstest.margin.explain.grid import GROUP, expiry_moves
from stresstest.margin.explain.groups import maximum_losses
from stresstest.margin.rulebook import PortfolioModel

EXPIRY = AS_OF + timedelta(days=182.5)
DISCOUNT: Row = {"positive": {"base": 0.95, "rate_multiple": 1.0, "rate_add": 0.01}, "negative": {"base": 1.02, "rate_multiple": 2.0}}
GRID: list[Row] = [{"name": "discounted"}, {"name": "as it is", "discounted": False}, {"name": "size", "expiries": "absolute", "weight": 0.5}]


def moves(*positions: tuple[bool, float, float], rate: float = 0.04) -> pl.DataFrame:
    """Positions of one expiry in half a year as (paid option, value, P&L), the same in all three rows."""
    rows = [
        {"pool": 0, "scenario": 0, "risk_group": "BTC", "expiry": EXPIRY, "currency": 1, "row": row, "column": row, "years": 0.5, "rate": rate,
         "paid": paid, "option_value": value if paid else 0.0, "pnl": pnl}
        for paid, value, pnl in positions
        for row in range(3)
    ]  # fmt: skip
    return pl.DataFrame(rows)


@pytest.mark.parametrize(
    ("positions", "factor", "rate"),
    [
        # A + D_o = 100 - 40 above zero: 0.95 * exp(-(0.04 + 0.01) / 2)
        ([(True, 100.0, -40.0), (False, 0.0, 7.0)], 0.95 * exp(-0.025), 0.04),
        # below zero: the lower of exp(0.02) and 1.02 * exp(0.04) ...
        ([(True, -100.0, -40.0)], exp(0.02), 0.04),
        # ... and with no rate 1.02 is more than 1
        ([(True, 30.0, -80.0)], 1.0, -0.04),
        ([(True, 30.0, -30.0)], 1.0, 0.04),
    ],
)
def test_discounts(positions: list[tuple[bool, float, float]], factor: float, rate: float) -> None:
    model = PortfolioModel.model_validate({"kind": "portfolio", "grid": GRID, "expiry_discount": DISCOUNT})
    found = expiry_moves(moves(*positions, rate=rate), model)
    options = sum(value for paid, value, _ in positions if paid)
    moved = options + sum(pnl for paid, _, pnl in positions if paid)
    others = sum(pnl for paid, _, pnl in positions if not paid)
    assert found["discount_factor"].to_list() == pytest.approx([factor, 1.0, factor])
    discounted, plain = factor * moved - options + others, moved - options + others
    assert found["pnl"].to_list() == pytest.approx([discounted, plain, discounted])
    assert found["counted"].to_list() == pytest.approx([discounted, plain, -0.5 * abs(discounted)])


def test_a_negative_value_without_a_rule_stays() -> None:
    rule = {"positive": DISCOUNT["positive"]}
    model = PortfolioModel.model_validate({"kind": "portfolio", "grid": GRID, "expiry_discount": rule})
    assert expiry_moves(moves((True, -100.0, -40.0)), model)["pnl"].to_list() == pytest.approx([-40.0] * 3)


def options(*held: tuple[str, float, float, float], **terms: object) -> pl.DataFrame:
    """Options as (type, strike, quantity, price), of two units each and in a currency at 0.5, so that one contract's price is its value."""
    row: Row = {
        "pool": 0, "scenario": 0, "risk_group": "BTC", "underlying": 1, "expiry": EXPIRY, "style": "paid option", "payoff": "linear",
        "contract_size": 2.0, "quote_value": 0.5,
    }  # fmt: skip
    return pl.DataFrame(
        [
            {**row, "option_type": kind, "strike": strike, "quantity": quantity, "market_value": quantity * price, **terms}
            for kind, strike, quantity, price in held
        ]
    )


NO_HEDGES = pl.DataFrame(schema={"pool": pl.Int64, "scenario": pl.Int64, "risk_group": pl.String})


@pytest.mark.parametrize(
    ("held", "most"),
    [
        # what was paid for a spread, and its width less what was received
        ([("call", 100.0, 1.0, 12.0), ("call", 120.0, -1.0, 5.0)], 7.0),
        ([("call", 100.0, -1.0, 12.0), ("call", 120.0, 1.0, 5.0)], 13.0),
        ([("put", 100.0, -1.0, 8.0)], 92.0),
        # the worst of a short straddle with a bought wing on both sides is at a strike of the wings
        ([("call", 100.0, -1.0, 9.0), ("put", 100.0, -1.0, 9.0), ("call", 130.0, 1.0, 2.0), ("put", 80.0, 1.0, 3.0)], 17.0),
        # nothing can be lost any more
        ([("call", 100.0, 1.0, 0.0)], 0.0),
    ],
)
def test_maximum_losses(held: list[tuple[str, float, float, float]], most: float) -> None:
    assert maximum_losses(options(*held), NO_HEDGES)["maximum_loss"].to_list() == pytest.approx([most])


def test_what_has_no_cap() -> None:
    naked = options(("call", 100.0, -1.0, 9.0), ("call", 120.0, 0.5, 5.0))
    assert maximum_losses(naked, NO_HEDGES).is_empty(), "more calls sold than bought"
    put = options(("put", 100.0, 1.0, 9.0))
    assert maximum_losses(pl.concat([put, options(("put", 100.0, 1.0, 9.0), style="linear")]), NO_HEDGES).is_empty(), (
        "something that is no paid option"
    )
    assert maximum_losses(options(("put", 100.0, 1.0, 9.0), payoff="inverse"), NO_HEDGES).is_empty()
    assert maximum_losses(put, put.select(GROUP)).is_empty(), "a hedge beside it"


def test_expiries_and_underlyings_are_capped_one_by_one() -> None:
    other = options(("put", 50.0, -1.0, 1.0), underlying=2)
    later = options(("call", 100.0, -1.0, 14.0), ("call", 110.0, 1.0, 9.0), expiry=EXPIRY + timedelta(days=1))
    found = maximum_losses(pl.concat([options(("call", 100.0, 1.0, 12.0)), other, later]), NO_HEDGES)
    assert found["maximum_loss"].to_list() == pytest.approx([12.0 + 49.0 + 5.0])
