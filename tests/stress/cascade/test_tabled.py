"""Tables of a cascade: the two-asset case of `references/cascade_reverse.md` (T11) worked out by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from stress.cascade.books import two_assets
from stress.cascade.cascading import Cascaded, cascaded, staged

from stresstest.stress.cascade import tabled
from stresstest.stress.cascade.losses.owners import SUMS, OwnersInDebt

NAMES = tabled.Scenarios(("base", "a_falls"), np.array([False, True]))
EQUITY = 3_000.0 + 700.0 + 1_000.0


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Cascaded:
    book = two_assets()
    return cascaded(staged(tmp_path_factory.mktemp("tabled") / "book", book.tables, book.scenarios), book.cascade, log=True)


@pytest.fixture(scope="module")
def exposure(found: Cascaded) -> np.ndarray:
    of = found.staged
    return tabled.base_exposure(of.book, np.ascontiguousarray(of.units.notional[:, 0]), np.ascontiguousarray(of.resolved.value[:, 0]))


def test_what_the_book_holds(found: Cascaded, exposure: np.ndarray) -> None:
    """A: X's 100 units; B: X's and Y's 100 and Z's 50 short; dollars: all deposits."""
    assert [exposure[found.staged.asset(name)] for name in ("A", "B", "USD")] == pytest.approx([10_000.0, 25_000.0, EQUITY])


def test_amplification() -> None:
    """Weights 10,000 and 25,000: falls of 22 and 0 % become 26 and 8 %. Nothing shocked, or nothing held of it, has none."""
    snapshot, exposure = np.array([100.0, 100.0]), np.array([10_000.0, 25_000.0])
    shocked, final = np.array([[78.0, 100.0], [100.0, 100.0]]), np.array([[74.0, 99.0], [92.0, 100.0]])
    assert tabled.amplification(snapshot, shocked, final, exposure) == [pytest.approx((2_600.0 + 2_000.0) / 2_200.0), None]
    assert tabled.amplification(snapshot, shocked, final, np.array([0.0, 25_000.0])) == [None, None]
    # A price below zero counts by its distance from zero.
    assert tabled.amplification(np.array([-50.0]), np.array([[-60.0]]), np.array([[-65.0]]), np.array([1.0])) == [pytest.approx(1.5)]


def test_the_summary(found: Cascaded, exposure: np.ndarray) -> None:
    none, nobody = np.zeros(0, np.int64), np.zeros(2)
    owing = OwnersInDebt(none, none, np.zeros((0, SUMS)), nobody, nobody)
    row = tabled.summary_table(found.outcome, NAMES, owing, owing, exposure, found.staged.book.dimensions).row(1, named=True)
    expected = {
        "scenario_id": "a_falls", "headline": True, "rounds": 2, "converged": True, "accounts_liquidated_direct": 1,
        "accounts_liquidated_feedback": 1, "pools_liquidated": 2, "notional_sold": 7_600.0 + 9_800.0 + 9_400.0, "direct_loss": 2_200.0,
        # X from 800 to 400, Y from 700 to 100; Z gains.
        "feedback_loss": 400.0 + 600.0, "amplification": 4_600.0 / 2_200.0, "loss_amplification": 3_200.0 / 2_200.0, "uncollateralised_loss": 0.0,
        "owners_in_default": 0, "cover_2": 0.0, "worst_asset": "B", "worst_asset_change": -0.08,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == pytest.approx(expected)
    base = tabled.summary_table(found.outcome, NAMES, owing, owing, exposure, found.staged.book.dimensions).row(0, named=True)
    assert [base[name] for name in ("rounds", "amplification", "loss_amplification", "worst_asset", "worst_asset_change")] == [
        0,
        None,
        None,
        None,
        None,
    ]


def test_a_price_below_zero_that_falls(found: Cascaded, exposure: np.ndarray) -> None:
    """B from -5 to -23 loses 3.6 times its price; A from 78 to 74 moves by less of its snapshot price."""
    none, nobody = np.zeros(0, np.int64), np.zeros(2)
    owing = OwnersInDebt(none, none, np.zeros((0, SUMS)), nobody, nobody)
    shocked, final = found.outcome.prices_shocked.copy(), found.outcome.prices_final.copy()
    code = found.staged.asset("B")
    shocked[code, 1], final[code, 1] = -5.0, -23.0
    below = dataclasses.replace(found.outcome, prices_shocked=shocked, prices_final=final)
    row = tabled.summary_table(below, NAMES, owing, owing, exposure, found.staged.book.dimensions).row(1, named=True)
    assert (row["worst_asset"], row["worst_asset_change"]) == ("B", pytest.approx(-3.6))


def test_contagion_is_what_survivors_lose(found: Cascaded) -> None:
    """X, brought down by A, sells 7,600 of A and 9,800 of B; Y, brought down by B, 9,400 of B. Y's 600 in B, sold at 94, are shared out by these."""
    table = tabled.contagion_table(found.outcome, NAMES, found.staged.book.dimensions)
    whole = 9_800.0 + 9_400.0
    assert [list(row) for row in table.sort("trigger", "sold").rows()] == [
        ["a_falls", "A", "A", pytest.approx(7_600.0), 1, 0.0],
        ["a_falls", "A", "B", pytest.approx(9_800.0), 1, pytest.approx(600.0 * 9_800.0 / whole)],
        ["a_falls", "B", "B", pytest.approx(9_400.0), 1, pytest.approx(600.0 * 9_400.0 / whole)],
    ]
    lost = found.outcome.loss_of_survivors[:, 1]
    for name in ("A", "B"):
        assert sum(table.filter(sold=name)["survivors_loss"].to_list()) == pytest.approx(lost[found.staged.asset(name)])
    vulnerable = tabled.vulnerability_table(table, found.outcome, NAMES, found.staged.book.dimensions, EQUITY).sort("asset")
    assert vulnerable["asset"].to_list() == ["A", "B"]
    assert vulnerable["pools"].to_list() == [1, 1]
    assert vulnerable["notional_sold"].to_list() == pytest.approx([17_400.0, 9_400.0])
    assert vulnerable["share_of_equity"].to_list() == pytest.approx([600.0 * 9_800.0 / whole / EQUITY, 600.0 * 9_400.0 / whole / EQUITY])
    broke = tabled.vulnerability_table(table, found.outcome, NAMES, found.staged.book.dimensions, 0.0)
    assert broke["share_of_equity"].to_list() == [None, None]


def test_prices_path_and_orders(found: Cascaded) -> None:
    dimensions = found.staged.book.dimensions
    prices = {row["asset"]: row for row in tabled.prices_table(found.outcome, NAMES, dimensions).iter_rows(named=True)}
    assert prices.keys() == {"A", "B"}
    assert [prices["A"][name] for name in ("snapshot_price", "shocked_price", "final_price")] == pytest.approx([100.0, 78.0, 74.0])
    assert prices["A"]["amplification"] == pytest.approx(26.0 / 22.0)
    assert prices["B"]["amplification"] is None
    assert prices["B"]["net_quantity_sold"] == pytest.approx(200.0)
    path = tabled.path_table(found.outcome, NAMES, dimensions).sort("round", "asset")
    steps = path.select("round", "asset", "execution_price", "price_before", "price_after").rows()
    assert steps == [(1, "A", 76.0, 78.0, 74.0), (1, "B", 98.0, 100.0, 96.0), (2, "B", 94.0, 96.0, 92.0)]
    orders = tabled.rounds_table(found.outcome, NAMES, dimensions).sort("round", "instrument_id")
    told = orders.select("round", "account_id", "pool_id", "instrument_id", "asset", "quantity", "trigger", "margin_shortfall").rows()
    assert told == [
        (1, "X", "cross", "PA", "A", 100.0, "A", pytest.approx(90.0)),
        (1, "X", "cross", "PB", "B", 100.0, "A", pytest.approx(90.0)),
        (2, "Y", "cross", "PB", "B", 100.0, "B", pytest.approx(180.0)),
    ]
    totals = tabled.round_totals_table(found.outcome, NAMES).sort("round")
    for number in (1, 2):
        assert sum(orders.filter(round=number)["notional"].to_list()) == pytest.approx(totals["notional"][number - 1])
