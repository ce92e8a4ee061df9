"""A state of a cascade is its scenario at other prices: what is worth what there is known from a scenario that has those prices."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from stress.cascade.cascading import Staged, staged
from stress.small_book import CASH, cash, coin, lot, perpetual, scenario

from stresstest.stress.cascade.states import TABLES, State, at_prices, moved_instruments


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> Staged:
    """Linear, inverse and dated contracts and an option on A; one on B; W is priced in A, and a contract quoted in W."""
    expiry = datetime(2026, 12, 20, 8, tzinfo=UTC)
    option = {"kind": "option", "option_type": "put", "strike": 95.0, "expiry": expiry, "implied_vol": 0.6, "mark_price": 4.0}
    tables = {
        "accounts": [{"account_id": "X"}],
        "positions": [lot("X", "PA", 1.0)],
        "collateral": [cash("X", 1.0)],
        "assets": [CASH, coin("A"), coin("B"), coin("W", price=0.5, price_currency="A")],
        "instruments": [
            perpetual("PA", "A"), perpetual("PB", "B"), perpetual("IA", "A", payoff="inverse", settle="A"), perpetual("OA", "A", **option),
            perpetual("BW", "B", quote="W", mark_price=2.0),
        ],
    }  # fmt: skip
    falls = [scenario("fall", {"A": -0.1, "B": -0.05}), scenario("further", {"A": -0.2, "B": -0.05})]
    return staged(tmp_path_factory.mktemp("priced") / "book", tables, falls)


def test_at_the_prices_of_another_scenario_all_is_worth_what_it_is_there(priced: Staged):
    began = State(priced.resolved, priced.units)
    spot = priced.resolved.spot.copy()
    spot[:, 1] = spot[:, 2]
    after = at_prices(began, priced.book.dimensions, spot, np.array([1, 2]))
    for name in TABLES:
        found, known = getattr(after.units, name), getattr(began.units, name)
        assert found[:, 1].tobytes() == known[:, 2].tobytes(), name
        assert found[:, [0, 2]].tobytes() == known[:, [0, 2]].tobytes(), name
    assert after.resolved.value[:, 1].tobytes() == began.resolved.value[:, 2].tobytes()
    # What was there before is as it was.
    assert began.resolved.spot[priced.asset("A"), 1] == 90.0
    names = priced.book.dimensions.instruments["instrument_id"].to_list()
    moved = {names[code] for code in moved_instruments(began.units, began.resolved, after.resolved)}
    assert moved == {"PA", "IA", "OA", "BW"}


def test_where_no_price_moves_it_is_the_state_itself(priced: Staged):
    began = State(priced.resolved, priced.units)
    assert at_prices(began, priced.book.dimensions, priced.resolved.spot.copy(), np.array([1, 2])) is began


def test_scenarios_picked_are_those(priced: Staged):
    taken = State(priced.resolved, priced.units).take([0, 2, 2])
    assert taken.resolved.spot[priced.asset("A")].tolist() == [100.0, 80.0, 80.0]
    assert taken.units.mark.flags.c_contiguous
