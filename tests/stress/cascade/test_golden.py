"""Cascades worked out by hand (`references/cascade_reverse.md`, C3 and C6), by the engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from stress.cascade.books import LADDERS, Book, four_longs, ladder, two_assets
from stress.cascade.cascading import Cascaded, Staged, cascaded, staged


def run(folder: Path, book: Book) -> Cascaded:
    """The cascade of a book of one scenario."""
    return cascaded(staged(folder, book.tables, book.scenarios, book.margin), book.cascade, scenarios=[1])


@pytest.fixture(scope="module")
def longs(tmp_path_factory: pytest.TempPathFactory) -> Staged:
    """T7."""
    book = four_longs(0.0)
    return staged(tmp_path_factory.mktemp("longs"), book.tables, book.scenarios)


@pytest.mark.parametrize(
    ("slope", "rounds", "price", "equities", "amplification"),
    [
        (0.0, 1, 94.0, [400.0, 900.0, 1_400.0, 3_400.0], 1.0),
        (0.03, 1, 91.0, [250.0, 600.0, 1_100.0, 3_100.0], 1.5),
        (0.05, 3, 79.0, [150.0, 150.0, 150.0, 1_900.0], 3.5),
        (0.07, 3, 73.0, [50.0, -150.0, -350.0, 1_300.0], 4.5),
    ],
)
def test_four_longs(longs: Staged, slope: float, rounds: int, price: float, equities: list[float], amplification: float) -> None:
    found = cascaded(longs, four_longs(slope).cascade, scenarios=[1])
    outcome = found.outcome
    assert (outcome.rounds.tolist(), outcome.converged.tolist()) == ([rounds], [True])
    assert found.price("A", 1) == pytest.approx(price)
    assert (100.0 - found.price("A", 1)) / 6.0 == pytest.approx(amplification)
    assert list(found.of_accounts("equity_final", 1).values()) == pytest.approx(equities)
    assert outcome.loss_final.tolist() == pytest.approx([sum(max(0.0, -each) for each in equities)])
    assert outcome.direct_loss.tolist() == pytest.approx([2_400.0])
    assert outcome.feedback_loss.tolist() == pytest.approx([8_500.0 - 2_400.0 - sum(equities)])
    # A1 fails by the shock itself, others by what it sells.
    assert outcome.accounts_by_feedback.tolist() == [{0.0: 0, 0.03: 0}.get(slope, 2)]


def test_what_longs_lose_shorts_and_buyers_gain(tmp_path: Path) -> None:
    found = run(tmp_path, four_longs(0.07, shorts=True))
    path = found.outcome.path
    paid = float((path["net_quantity_sold"] * path["execution_price"]).sum())
    outside = float(path["net_quantity_sold"].sum()) * found.price("A", 1) - paid
    equities, deposits = (
        found.of_accounts("equity_final", 1),
        {"A1": 1_000.0, "A2": 1_500.0, "A3": 2_000.0, "A4": 4_000.0, "S1": 5_000.0, "S2": 8_000.0},
    )
    gained = {name: equities[name] - deposits[name] for name in deposits}
    longs, shorts = (sum(gained[name] for name in gained if name[0] == side) for side in "AS")
    assert (longs, shorts, outside) == pytest.approx((-7_650.0, 10_800.0, -3_150.0))


@pytest.mark.parametrize(("step", "at_equality", "rounds", "price"), LADDERS)
def test_thresholds_spread_evenly(step: float, at_equality: bool, rounds: int, price: float, tmp_path: Path) -> None:
    found = run(tmp_path, ladder(step, at_equality))
    assert (found.outcome.rounds.tolist(), found.price("A", 1)) == ([rounds], pytest.approx(price))


def test_cross_margin_spreads_and_isolated_margin_leaves_a_hole(tmp_path: Path) -> None:
    cross, apart = run(tmp_path / "cross", two_assets()), run(tmp_path / "isolated", two_assets(isolated=True))
    assert (cross.price("A", 1), cross.price("B", 1)) == pytest.approx((74.0, 92.0))
    assert cross.of_accounts("equity_final", 1) == pytest.approx({"X": 400.0, "Y": 100.0, "Z": 1_400.0})
    assert (cross.outcome.rounds.tolist(), cross.outcome.loss_final.tolist()) == ([2], [0.0])
    assert cross.of_accounts("breached", 1) == {"X": True, "Y": False, "Z": False}
    assert cross.of_accounts("liquidated", 1) == {"X": True, "Y": True, "Z": False}
    assert (apart.price("A", 1), apart.price("B", 1)) == pytest.approx((74.0, 100.0))
    assert apart.of_accounts("equity_final", 1) == pytest.approx({"X": 600.0, "Y": 700.0, "Z": 1_000.0})
    assert apart.outcome.loss_final.tolist() == pytest.approx([900.0])
    assert apart.of_accounts("liquidated", 1) == {"X": True, "Y": False, "Z": False}


def test_what_a_survivor_loses_is_told_by_asset(tmp_path: Path) -> None:
    """Y loses 600 in B, on which X's sales (2 a unit before it fails) and its own (4 more) move the price: 100 units at 100 are closed at 94."""
    found = run(tmp_path, two_assets())
    lost = {name: float(found.outcome.loss_of_survivors[found.staged.asset(name), 0]) for name in ("A", "B", "USD")}
    assert lost == pytest.approx({"A": 0.0, "B": 600.0, "USD": 0.0})
    assert np.isfinite(found.outcome.loss_of_survivors).all()
