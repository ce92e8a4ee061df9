"""The reference of portfolio models, against figures worked out by hand. Prices are round: every expected figure is the sum in its comment."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from generated.market import AS_OF
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.reading import Row, snapshot_of
from oracle.totals import OracleResult, run_snapshot

GRID: list[Row] = [{"spot": -0.1}, {"spot": 0.2}]


def asset(name: str, price: float, **columns: object) -> Row:
    return {"asset": name, "price": price, **columns}


def perpetual(underlying: str, mark: float, **columns: object) -> Row:
    return {"instrument_id": f"{underlying}-P", "kind": "perpetual", "underlying": underlying, "quote": "USD", "mark_price": mark, **columns}


def option(name: str, w: str, strike: float, mark: float, years: float = 1.0, **columns: object) -> Row:
    expiry = AS_OF + timedelta(days=365.0 * years)
    terms = {"instrument_id": name, "kind": "option", "underlying": "BTC", "quote": "USD", "expiry": expiry}
    return {**terms, "strike": strike, "option_type": w, "mark_price": mark, "implied_vol": 0.0, **columns}


ASSETS = [asset("USD", 1.0), asset("BTC", 100.0, collateral_schedule="none"), asset("ETH", 50.0, collateral_schedule="none")]
PERPETUALS = [perpetual("BTC", 100.0), perpetual("ETH", 50.0)]


def run(
    model: Row, positions: dict[str, float], instruments: list[Row] | None = None, assets: list[Row] | None = None, **balances: float
) -> OracleResult:
    """An account `a` with positions entered at their marks, and balances."""
    tables = {
        "assets": assets or ASSETS,
        "instruments": PERPETUALS if instruments is None else instruments,
        "accounts": [{"account_id": "a", "margin_model": "pm"}],
        "positions": [{"account_id": "a", "instrument_id": name, "quantity": quantity} for name, quantity in positions.items()],
        "collateral": [{"account_id": "a", "asset": name, "quantity": quantity} for name, quantity in balances.items()],
    }
    schedules = {"none": {"bands": [{"from": 0, "haircut": 0.0}]}}
    margin = {"collateral_schedules": schedules, "margin_schedules": {}, "models": {"pm": {"kind": "portfolio", "grid": GRID, **model}}}
    return run_snapshot(snapshot_of(tables, AS_OF, "USD"), margin, [])


def needs(model: Row, positions: dict[str, float], *args: list[Row], level: str = "maintenance", **balances: float) -> float:
    return float(run(model, positions, *args, **balances).accounts["a", "base"][f"{level}_margin"])


@pytest.mark.parametrize(("model", "positions", "margin"), [
    ({}, {"BTC-P": 2.0}, 20.0),  # 2 * 100 * 10 %
    ({}, {"BTC-P": -2.0}, 40.0),  # 2 * 100 * 20 %
    ({}, {"BTC-P": 2.0, "ETH-P": -1.0}, 30.0),  # each group alone: 20 + 50 * 20 %
    ({"loss_factor": 1.5}, {"BTC-P": 2.0}, 30.0),
    ({"grid": [{"spot": -0.1}, {"spot": -0.5, "weight": 0.1}]}, {"BTC-P": 2.0}, 20.0),  # 2 * 50 * 0.1 = 10 is less
    ({"grid": [{"scan": -1.0}, {"scan": 0.5}], "scan_ranges": [
        {"where": {"risk_group": "ETH"}, "spot": 0.3}, {"spot": {"down": 0.05, "up": 0.4}}]}, {"BTC-P": -1.0, "ETH-P": -1.0}, 27.5),
    # BTC up 0.5 * 40 % of 100 = 20; ETH up 0.5 * 30 % of 50 = 7.5
    # rows: BTC -20 and +40, ETH +5 and -10; gains at 30 %: -18.5 in the first, +2 in the second
    ({"offsets": [{"groups": ["BTC", "ETH"], "rate": 0.3}]}, {"BTC-P": 2.0, "ETH-P": -1.0}, 18.5),
    # deltas 200 and -50: n = min(200/2, 50/1) = 50; BTC 20 * (1 - 0.4*50*2/200) = 16, ETH 10 * (1 - 0.4) = 6
    ({"credits": [{"groups": ["BTC", "ETH"], "ratio": [2, 1], "rate": 0.4}]}, {"BTC-P": 2.0, "ETH-P": -1.0}, 22.0),
    ({"credits": [{"groups": ["BTC", "ETH"], "rate": 0.4, "same_side": True}]}, {"BTC-P": 2.0, "ETH-P": -1.0}, 30.0),
    ({"correlation": {"default": 0.5}}, {"BTC-P": 2.0, "ETH-P": -1.0}, math.sqrt(20.0**2 + 10.0**2 + 2 * 0.5 * 20.0 * 10.0)),
    ({"correlation": {"pairs": [{"groups": ["ETH", "BTC"], "value": -1.0}]}}, {"BTC-P": 2.0, "ETH-P": -1.0}, 10.0),
])  # fmt: skip
def test_scan_losses(model: Row, positions: dict[str, float], margin: float) -> None:
    assert needs(model, positions) == pytest.approx(margin, rel=1e-12)


def test_factors_of_the_scan_loss() -> None:
    model = {"loss_factor": {"maintenance": 1.0, "initial": 1.3}, "loss_factor_depeg": {"asset": "ETH", "threshold": 50.1, "factor": 2.0}}
    assert needs(model, {"BTC-P": -1.0}, level="initial") == pytest.approx(20.0 * (1.3 + 2.0 * (50.1 - 50.0)), rel=1e-12)
    assert needs(model, {"BTC-P": -1.0}) == pytest.approx(20.0, rel=1e-12)


def test_hedges_move_with_their_group() -> None:
    # A coin held against a short perpetual: nothing is lost. The same against an ETH short: each moves with its own group.
    assert needs({"hedges": ["BTC"]}, {"BTC-P": -1.0}, BTC=1.0) == pytest.approx(0.0, abs=1e-12)
    assert needs({"hedges": ["BTC"]}, {"ETH-P": -1.0}, BTC=1.0) == pytest.approx(10.0 + 10.0, rel=1e-12)
    # Named to the group: 50 * 20 % up is less than the coin's 100 * 20 % gain; down 100 * 10 % - 50 * 10 %.
    assert needs({"hedges": {"BTC": "ETH"}}, {"ETH-P": -1.0}, BTC=1.0) == pytest.approx(5.0, rel=1e-12)


CALLS = [option("C80", "call", 80.0, 20.0), option("C120", "call", 120.0, 0.0), option("P100", "put", 100.0, 0.0, 0.5)]


@pytest.mark.parametrize(("model", "positions", "margin"), [
    ({}, {"C80": 1.0}, 10.0),  # intrinsic at vol zero: 20 -> 10 -> 40
    ({}, {"C120": -3.0}, 0.0),  # worth nothing up to 120
    ({"grid": [{"spot": 0.5}]}, {"C120": -3.0}, 90.0),
    ({"grid": [{"spot": 1.0}], "max_loss_cap": True}, {"C80": -1.0, "C120": 1.0}, 20.0),  # -100 + 80 uncapped too: 60 - 20 lost of 40
    ({"grid": [{"spot": 1.0, "weight": 2.0}]}, {"C80": -1.0, "C120": 1.0}, 40.0),
    ({"grid": [{"spot": 1.0, "weight": 2.0}], "max_loss_cap": True}, {"C80": -1.0, "C120": 1.0}, 20.0),  # value -20, lowest payoff -40
    ({"grid": [{"spot": 1.0, "weight": 2.0}], "max_loss_cap": True}, {"C80": -1.0}, 200.0),  # uncovered calls have no cap
    # forwards 10 % down: the call loses 10; up: gains 10. Its expiry is a year away: (0.25 + 0.5 * 1) * 10; the put, half a year: worse up or
    # down, bought: 0 in both, sold: -10 when down, (0.25 + 0.5 * 0.5) * 10.
    ({"grid": [{"forward": [-0.1, 0.1], "expiries": "losses", "weight": 0.25, "weight_per_year": 0.5}]}, {"C80": 1.0, "P100": -1.0}, 12.5),
    ({"grid": [{"forward": [0.1], "expiries": "absolute"}]}, {"C80": 1.0}, 10.0),
    # 20 a year away is worth 20 * 0.5 * exp(-0.1) in a row that moves nothing; what is owed is marked up, at rate 0 not at all
    ({"grid": [{}], "expiry_discount": {"positive": {"base": 0.5, "rate_add": 0.1}}}, {"C80": 1.0}, 20.0 - 10.0 * math.exp(-0.1)),
    ({"grid": [{}], "expiry_discount": {"positive": {"base": 0.5}, "negative": {"base": 1.5}}}, {"C80": -1.0}, 0.0),
    ({"grid": [{"discounted": False}], "expiry_discount": {"positive": {"base": 0.5}}}, {"C80": 1.0}, 0.0),
])  # fmt: skip
def test_options_in_a_grid(model: Row, positions: dict[str, float], margin: float) -> None:
    assert needs(model, positions, CALLS) == pytest.approx(margin, rel=1e-12, abs=1e-12)


def line(**rules: object) -> Row:
    return {"grid": [{}], "add_ons": [{"name": "line", **rules}]}


@pytest.mark.parametrize(("rules", "positions", "margin"), [
    ({"rate": 0.1}, {"BTC-P": -2.0, "ETH-P": 1.0}, 25.0),
    ({"rate": 0.1, "side": "short"}, {"BTC-P": -2.0, "ETH-P": 1.0}, 20.0),
    ({"rate": 0.1, "where": {"risk_group": "ETH"}}, {"BTC-P": -2.0, "ETH-P": 1.0}, 5.0),
    ({"amount": 3.0, "of": "contracts"}, {"BTC-P": -2.0, "ETH-P": 1.0}, 9.0),
    ({"rate": 0.1, "of": "delta"}, {"BTC-P": -2.0}, 20.0),
    ({"rate": 0.1, "confidence_below": 0.5}, {"BTC-P": -2.0, "ETH-P": 1.0}, 0.1 * 50.0 * 0.75),  # only ETH-P is doubted, by 1 - 0.25
    ({"rate": 0.1, "depeg": {"asset": "BTC", "threshold": 100.5, "factor": 4.0}}, {"ETH-P": 1.0}, 10.0),  # times 4 * 0.5
    ({"tiers": [{"from": 0, "maintenance_rate": 0.1, "initial_rate": 0.1}, {"from": 150, "maintenance_rate": 0.2, "initial_rate": 0.2}]},
     {"BTC-P": 2.0}, 25.0),
    # a day's volume is 60, of which 50 %: the first 30 are one day
    ({"basis": "days", "participation": 0.5, "net": "underlying", "tiers": [
        {"from": 0, "maintenance_rate": 0.0, "initial_rate": 0.0}, {"from": 1, "maintenance_rate": 0.5, "initial_rate": 0.5}]}, {"ETH-P": 1.0}, 10.0),
    ({"rate": 0.1, "of": "underlying_notional", "net": "strike", "side": "short"}, {"C80": -3.0, "P80": 1.0, "C120": -1.0}, 30.0),
    ({"rate": 0.1, "of": "underlying_notional", "net": "expiry"}, {"C80": -3.0, "P80": 1.0, "C120": -1.0}, 30.0),
    ({"rate": 0.1, "of": "underlying_notional", "part": "hedged"}, {"C80": -3.0, "P80": 1.0, "BTC-P": 0.5}, 15.0),  # of 300 short, 150 long
    ({"rate": 0.1, "of": "value"}, {"C80": -3.0}, 6.0),
])  # fmt: skip
def test_add_ons(rules: Row, positions: dict[str, float], margin: float) -> None:
    instruments = [PERPETUALS[0], perpetual("ETH", 50.0, confidence=0.25), *CALLS[:2], option("P80", "put", 80.0, 0.0)]
    assets = [ASSETS[0], ASSETS[1], asset("ETH", 50.0, daily_volume=60.0, confidence=0.9)]
    assert needs(line(**rules), positions, instruments, assets) == pytest.approx(margin, rel=1e-12)


def test_floors_and_factors_of_lines() -> None:
    floors = {"add_ons": [{"name": "f", "rate": 0.15, "combine": "floor"}, {"name": "g", "amount": 2.0, "of": "contracts", "combine": "floor"}]}
    # BTC: 15 + 2 of lines are more than 10 of scan; ETH: 7.5 + 2 less than 10.
    assert needs(floors, {"BTC-P": 1.0, "ETH-P": -1.0}) == pytest.approx(17.0 + 10.0, rel=1e-12)
    both = {"offsets": [{"groups": ["BTC", "ETH"], "rate": 1.0}], **floors}
    # A list: scan -10 + 5 and 20 - 10, lost at most 5; its floor lines together 17 + 9.5.
    assert needs(both, {"BTC-P": 1.0, "ETH-P": -1.0}) == pytest.approx(26.5, rel=1e-12)
    lines = [{"name": "f", "rate": 0.1, "loss_factor": True}, {"name": "g", "rate": 0.1}]
    assert needs({"loss_factor": 2.0, "add_ons": lines}, {"BTC-P": 1.0}) == pytest.approx(20.0 + 20.0 + 10.0, rel=1e-12)


@pytest.mark.parametrize(("row", "model", "vol"), [
    ({"vol": 0.5}, {}, 0.6),
    ({"vol": 0.5}, {"vol_shift": "absolute"}, 0.9),
    ({"vol": 0.5}, {"vol_term": {"reference_days": 91.25, "power": 0.3, "power_long": 0.5}}, 0.5),  # (91.25 / 365) ** 0.5 = 0.5
    ({"vol": 0.01}, {"vol_floor": {"up": 0.45}}, 0.45),
    ({"vol": -0.5}, {"vol_floor": {"up": 0.45}}, 0.2),
    ({"vol_scan": 0.5}, {"scan_ranges": [{"vol": 0.5}]}, 0.5),
    # k = ln(110/100), cap 0.2, k_star = 4 * 0.5: the shift is k * 0.1
    ({"skew": "linear"}, {}, 0.4 * (1.0 + 0.1 * math.log(1.1))),
    ({"vol": 100.0}, {}, 10.0),
])  # fmt: skip
def test_vols_of_rows(row: Row, model: Row, vol: float) -> None:
    # Black-76, F = 100, K = 110, T = 1: what a sold option loses is its price at the vol of the row less that at 0.4.
    def black(v: float) -> float:
        d1 = math.log(100.0 / 110.0) / v + v / 2.0
        return 100.0 * 0.5 * math.erfc(-d1 / math.sqrt(2.0)) - 110.0 * 0.5 * math.erfc(-(d1 - v) / math.sqrt(2.0))

    skew = {"linear": {"base": 0.2}, "absolute": {"base": 0.2}, "width": 4.0, "static": 0.5, "min_width": 0.01}
    held = 1.0 if vol < 0.4 else -1.0
    sold = option("C110", "call", 110.0, black(0.4), implied_vol=0.4)
    found = needs({"grid": [row], "skew": skew, **model}, {"C110": held}, [sold])
    assert found == pytest.approx(abs(black(vol) - black(0.4)), rel=1e-9)


HELD = st.fixed_dictionaries({name: st.integers(-5, 5).map(float) for name in ("BTC-P", "ETH-P", "C80", "C120", "P100")})
WHOLE = {"grid": [*GRID, {"spot": -0.4, "weight": 0.3}, {"vol": 0.5}, {"forward": [-0.05, 0.05], "expiries": "losses", "weight": 0.5}]}


@settings(max_examples=60, deadline=None)
@given(HELD, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_laws_of_a_scan(held: dict[str, float], rate: float, more: float) -> None:
    every = [*PERPETUALS, *CALLS]

    def margin(positions: dict[str, float] = held, **model: object) -> float:
        return needs({**WHOLE, **model}, positions, every)

    alone = margin()
    close = pytest.approx(alone, rel=1e-9, abs=1e-9)
    assert margin(correlation={"default": 1.0}) == close
    assert margin({name: 3.0 * quantity for name, quantity in held.items()}) == pytest.approx(3.0 * alone, rel=1e-9, abs=1e-9)
    groups = ["BTC", "ETH"]
    offset = [margin(offsets=[{"groups": groups, "rate": each}]) for each in sorted((0.0, rate, more))]
    assert alone + 1e-9 >= offset[0]
    assert offset == sorted(offset, reverse=True) or max(offset) - min(offset) < 1e-9
    assert margin(credits=[{"groups": groups, "rate": rate}]) <= alone + 1e-9
    assert margin(grid=[*WHOLE["grid"], {"spot": 0.5}]) >= alone - 1e-9
