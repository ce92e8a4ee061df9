"""Unit values in the rows of a margin grid, by hand and against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from margin.grid_case import grouped, model, valued
from valuation.builders import CRYPTO, OPTION, SHOCKS, black, book, in_years, mixed_book, states

from stresstest.errors import StressTestError
from stresstest.margin.grid_values import hedge_groups, spot_shifts, vol_shifts

FUTURE = {"instrument_id": "F", "underlying": "BTC", "mark_price": 51_000.0, "expiry": in_years(0.5)}


def test_a_future_moves_with_spot_and_with_its_forward() -> None:
    perpetual = {"instrument_id": "P", "kind": "perpetual", "underlying": "BTC", "mark_price": 50_100.0}
    dimensions = grouped(book(CRYPTO, [FUTURE, perpetual]))
    found = valued(model([{"spot": 0.1}, {"forward": [0.02, -0.03], "expiries": "losses"}, {"spot": -0.5}]), dimensions)
    assert found.column_row.tolist() == [0, 1, 1, 2]
    # A perpetual is no dated future: a move of forwards alone leaves it where it is.
    assert found.change[:, :, 0] == pytest.approx(np.array([[5_100.0, 1_020.0, -1_530.0, -25_500.0], [5_010.0, 0.0, 0.0, -25_050.0]]), rel=1e-12)
    assert found.cost_change is None
    assert found.delta is None


def test_a_row_that_moves_nothing_changes_nothing_to_the_last_bit() -> None:
    dimensions = grouped(mixed_book())
    rows = [{"spot": 0.0}, {"scan": 1.0}, {"vol": 0.0}, {"vol_scan": 1.0}, {"forward": [0.0]}]
    still = model(rows, scan_ranges=[{"where": {"risk_group": "nobody"}, "spot": 0.5, "vol": 0.5}])
    found = valued(still, dimensions, states(dimensions, *SHOCKS))
    assert not found.change.any()
    assert found.clamped_vols.tolist() == [0] * 5
    assert found.cost_change is None
    assert found.settle_change is None


@pytest.mark.parametrize(("shift", "expected"), [("relative", 0.6 * 1.4), ("absolute", 0.6 + 0.4)])
def test_an_option_is_worth_black_at_the_moved_spot_and_vol(shift: str, expected: float) -> None:
    mark = black(50_000.0, 50_000.0, 0.6 * math.sqrt(0.5), 1.0)
    dimensions = grouped(book(CRYPTO, [{**OPTION, "instrument_id": "C", "mark_price": mark, "forward": 50_000.0}]))
    resolved = states(dimensions, {"spot": {"BTC": 40_000.0}}, {"elapsed_years": 0.25})
    found = valued(model([{"spot": -0.15, "vol": 0.4}], vol_shift=shift), dimensions, resolved)
    for scenario, (forward, years) in enumerate([(50_000.0, 0.5), (40_000.0, 0.5), (50_000.0, 0.25)]):
        after = black(forward * 0.85, 50_000.0, expected * math.sqrt(years), 1.0)
        before = black(forward, 50_000.0, 0.6 * math.sqrt(years), 1.0)
        assert found.change[0, 0, scenario] == pytest.approx(after - before, abs=1e-7)


def test_what_an_inverse_perpetual_gains_is_in_its_cost() -> None:
    # 1,000 contracts of 10 USD at 50,000: 10,000 USD long. In coin: 1,000 * 10 * (1/50,000 - 1/M); at +10 % worth 1,000 USD.
    inverse = {
        "instrument_id": "I", "kind": "perpetual", "underlying": "BTC", "payoff": "inverse", "settle": "BTC", "mark_price": 50_000.0,
        "contract_size": 10.0,
    }  # fmt: skip
    found = valued(model([{"spot": 0.1}], add_ons=[{"name": "delta", "of": "delta", "rate": 0.1}]), grouped(book(CRYPTO, [inverse])))
    assert found.cost_change is not None
    assert found.cost_delta is not None
    assert found.delta is not None
    quantity, cost = 1_000.0, 1_000.0 / 50_000.0
    assert quantity * found.change[0, 0, 0] + cost * found.cost_change[0, 0, 0] == pytest.approx(1_000.0, rel=1e-12)
    assert found.settle_change is not None
    assert found.settle_change[0, 0, 0] == pytest.approx(5_000.0, rel=1e-12)
    assert quantity * found.delta[0, 0] + cost * found.cost_delta[0, 0] == pytest.approx(10_000.0, rel=1e-12)


def test_scan_ranges_are_those_of_the_first_entry_that_one_of_the_groups_instruments_passes() -> None:
    instruments = [FUTURE, {**FUTURE, "instrument_id": "E", "underlying": "ETH", "mark_price": 2_000.0}]
    dimensions = grouped(book(CRYPTO, instruments))
    ranges = [{"where": {"asset": "BTC"}, "spot": {"down": 0.1, "up": 0.2}, "vol": 0.3}, {"spot": 0.15, "vol": 0.25}]
    portfolio = model([{"scan": 1.0, "vol_scan": -1.0}, {"scan": -0.5}, {"spot": 0.01, "vol": 0.5}], scan_ranges=ranges, hedges=["USDC"])
    assert {group: shifts.tolist() for group, shifts in spot_shifts(portfolio, dimensions).items()} == {
        "BTC": [0.2, -0.05, 0.01],
        "ETH": [0.15, -0.075, 0.01],
        "USDC": [0.15, -0.075, 0.01],
    }
    assert vol_shifts(portfolio, dimensions)["BTC"].tolist() == [-0.3, 0.0, 0.5]
    too_far = model([{"scan": -8.0}], scan_ranges=[{"spot": 0.125}])
    with pytest.raises(StressTestError) as raised:
        spot_shifts(too_far, dimensions)
    assert [fault.what for fault in raised.value.faults] == [
        f"row scan -8 x moves the prices of risk group {group} by -100 %" for group in ("BTC", "ETH")
    ]


def test_hedges_move_with_the_group_that_is_named_or_else_follow_the_instruments_on_them() -> None:
    assets = {**CRYPTO, "STETH": {"price": 1_990.0}}
    dimensions = grouped(book(assets, [FUTURE]), {"F": "majors"})
    code = {asset: number for number, asset in enumerate(dimensions.assets["asset"])}
    named = hedge_groups(model([{"spot": 0.1}], hedges={"STETH": "ETH", "BTC": None, "USDC": None, "GOLD": None}), dimensions)
    assert named == {code["STETH"]: "ETH", code["BTC"]: "majors", code["USDC"]: "USDC"}


def test_a_quote_moves_where_it_is_among_what_the_group_moves() -> None:
    # ETH quoted in BTC, both of one group: the ratio stays, and value and cost move with BTC.
    pair = {"instrument_id": "R", "underlying": "ETH", "quote": "BTC", "mark_price": 0.041, "kind": "perpetual"}
    dimensions = grouped(book(CRYPTO, [pair, FUTURE]), {"R": "G", "F": "G"})
    found = valued(model([{"spot": -0.2}]), dimensions)
    assert found.cost_change is not None
    assert found.change[1, 0, 0] == pytest.approx(-0.2 * 0.041 * 50_000.0, rel=1e-12)
    assert found.cost_change[:, 0, 0].tolist() == [0.0, pytest.approx(0.2 * 50_000.0, rel=1e-12)]
