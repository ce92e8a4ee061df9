"""Add-on lines in the kernels: every option of a line by hand, and the laws of nets."""

import itertools
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from margin.kernels.kernel_case import KernelCase

from stresstest.errors import StressTestError

NEAR, FAR = datetime(2026, 12, 25, tzinfo=UTC), datetime(2027, 3, 26, tzinfo=UTC)
INSTRUMENTS: dict[str, Any] = {
    "PERP": {"kind": "perpetual", "underlying": "BTC", "mark_price": 100.0},
    "ETH-PERP": {"kind": "perpetual", "underlying": "ETH", "mark_price": 10.0, "confidence": 0.4},
    "FUT-A": {"kind": "future", "underlying": "BTC", "mark_price": 110.0, "expiry": NEAR},
    "FUT-B": {"kind": "future", "underlying": "BTC", "mark_price": 120.0, "expiry": FAR},
    "CALL": {"kind": "option", "option_type": "call", "strike": 90.0, "underlying": "BTC", "mark_price": 15.0, "expiry": NEAR, "contract_size": 0.1},
    "PUT": {"kind": "option", "option_type": "put", "strike": 90.0, "underlying": "BTC", "mark_price": 5.0, "expiry": NEAR, "contract_size": 0.1},
    "PUT-80": {"kind": "option", "option_type": "put", "strike": 80.0, "underlying": "BTC", "mark_price": 2.0, "expiry": NEAR},
    "COIN": {"kind": "perpetual", "underlying": "BTC", "settle": "BTC", "payoff": "inverse", "mark_price": 100.0, "contract_size": 50.0},
}
ASSETS: dict[str, Any] = {
    "BTC": {"price": 100.0, "daily_volume": 2000.0, "confidence": 0.9},
    "ETH": {"price": 10.0, "confidence": 0.5},
    "USDC": {"price": 0.96},
}
BOTH = {"maintenance": 0.01, "initial": 0.02}


def margins(line: dict[str, Any], held: dict[str, float], **scenarios: Any) -> dict[str, tuple[float, float]]:
    """Maintenance and initial margin of a book under a model that asks for one line alone, by scenario."""
    model = {"kind": "tiered", "add_ons": [{"name": "line", **line}]}
    case = KernelCase(ASSETS, INSTRUMENTS, {"models": {"default": model}, "margin_schedules": {"free": {"tiers": NOTHING}}})
    for name, terms in case.instruments.items():
        case.instruments[name] = {**terms, "margin_schedule": "free"}
    for instrument, quantity in held.items():
        case.hold(instrument, quantity)
    return {scenario: (row["maintenance_margin"], row["initial_margin"]) for scenario, row in case.run(**scenarios).items()}


NOTHING = [{"from": 0, "maintenance_rate": 0.0, "initial_rate": 0.0}]
PUMP = {"spot": {"BTC": 200.0}, "mark": {"PERP": 200.0, "FUT-A": 220.0, "FUT-B": 200.0, "COIN": 200.0}}

CASES: dict[str, tuple[dict[str, Any], dict[str, float], float, float]] = {
    # line, holdings, size at base, size with BTC at 200 (both times the rates of BOTH)
    "notional of either side": ({"of": "notional"}, {"PERP": 2, "FUT-A": -1}, 200 + 110, 400 + 220),
    "an inverse contract's size is in dollars": ({"of": "notional"}, {"COIN": -4}, 200, 200),
    "value of an inverse contract": ({"of": "value"}, {"COIN": -4}, 200, 200),
    "notional of an option is that of its underlying": ({"of": "notional"}, {"CALL": -3}, 0.3 * 100, 0.3 * 200),
    "value of an option": ({"of": "value"}, {"CALL": -3}, 0.3 * 15, 0.3 * 15),
    "only shorts": ({"side": "short"}, {"PERP": 2, "FUT-A": -1}, 110, 220),
    "only longs": ({"side": "long"}, {"PERP": 2, "FUT-A": -1}, 200, 400),
    "only what passes": ({"where": {"kind": "future"}}, {"PERP": 2, "FUT-A": -1}, 110, 220),
    "calls and puts of one strike": (
        {"of": "underlying_notional", "net": "strike", "side": "short", "where": {"kind": "option"}},
        {"CALL": -3, "PUT": 1, "PUT-80": -1},
        (0.2 + 1) * 100,
        (0.2 + 1) * 200,
    ),
    "a net that is long has no short side": (
        {"of": "underlying_notional", "net": "strike", "side": "short"}, {"CALL": -3, "PUT": 4, "PUT-80": -1}, 100, 200,
    ),
    "by expiry": ({"of": "underlying_notional", "net": "expiry", "where": {"kind": "option"}}, {"CALL": -3, "PUT-80": 1}, 70, 140),
    "by underlying, of rows of their own": ({"net": "underlying"}, {"PERP": 2, "FUT-A": -1, "FUT-B": -1, "ETH-PERP": 3}, 30 + 30, 20 + 30),
    "by underlying, one side": ({"net": "underlying", "side": "long"}, {"PERP": 2, "FUT-A": -1, "FUT-B": -1, "ETH-PERP": 3}, 30, 30),
    "short by underlying": ({"net": "underlying", "side": "short"}, {"PERP": 2, "FUT-A": -1, "FUT-B": -1, "ETH-PERP": 3}, 30, 20),
    "hedged in a group": ({"part": "hedged"}, {"PERP": 2, "FUT-A": -1, "ETH-PERP": -5}, 110, 220),
    "hedged across expiries": ({"part": "hedged", "net": "expiry"}, {"PERP": 2, "FUT-A": -1, "FUT-B": 1, "CALL": 2}, 110 - 20, 220 - 40),
    "doubt in the instrument": ({"confidence_below": 0.6}, {"PERP": 2, "ETH-PERP": 3}, 0.6 * 30, 0.6 * 30),
    "doubt in the underlying": ({"confidence_below": 1.0}, {"PERP": 2, "ETH-PERP": 3}, 0.1 * 200 + 0.6 * 30, 0.1 * 400 + 0.6 * 30),
    "depeg": ({"depeg": {"asset": "USDC", "threshold": 0.98, "factor": 2.0}}, {"PERP": 2, "FUT-A": -1}, 0.04 * 310, 0.04 * 620),
}  # fmt: skip


@pytest.mark.parametrize(("line", "held", "base", "pumped"), CASES.values(), ids=CASES)
def test_a_line_is_its_rate_times_what_it_measures(line: dict[str, Any], held: dict[str, float], base: float, pumped: float):
    found = margins({"rate": BOTH, **line}, held, pump=PUMP)
    assert found["base"] == pytest.approx((0.01 * base, 0.02 * base), rel=1e-12)
    assert found["pump"] == pytest.approx((0.01 * pumped, 0.02 * pumped), rel=1e-12)


def test_an_amount_is_asked_per_contract():
    found = margins({"of": "contracts", "amount": {"maintenance": 0.5, "initial": 0.75}}, {"PERP": 2, "FUT-A": -3}, pump=PUMP)
    assert found == {"base": (2.5, 3.75), "pump": (2.5, 3.75)}


TIERS = [
    {"from": 0, "maintenance_rate": 0.01, "initial_rate": 0.02}, {"from": 150, "maintenance_rate": 0.10, "initial_rate": 0.20},
    {"from": 300, "maintenance_rate": 1.0, "initial_rate": 1.0},
]  # fmt: skip


def test_tiers_are_of_every_net_by_itself():
    found = margins({"tiers": TIERS, "net": "underlying"}, {"PERP": 2, "FUT-A": 1, "ETH-PERP": -10}, pump=PUMP)
    # 310 of BTC: 150 * 1 % + 150 * 10 % + 10; 100 of ETH: 1 %. At 200: 620 of BTC.
    assert found["base"] == pytest.approx((1.5 + 15 + 10 + 1, 3 + 30 + 10 + 2), rel=1e-12)
    assert found["pump"] == pytest.approx((1.5 + 15 + 320 + 1, 3 + 30 + 320 + 2), rel=1e-12)


def test_tiers_in_days_of_what_is_traded():
    days = [
        {"from": 0, "maintenance_rate": 0.0, "initial_rate": 0.0}, {"from": 0.1, "maintenance_rate": 0.05, "initial_rate": 0.1},
        {"from": 1, "maintenance_rate": 0.5, "initial_rate": 1},
    ]  # fmt: skip
    found = margins({"tiers": days, "basis": "days", "participation": 0.5}, {"PERP": -2, "ETH-PERP": 1}, pump=PUMP)
    # A day is 1,000 of BTC: 5 % above 100. Nobody says what is traded of ETH: all of it is in the last tier.
    assert found["base"] == pytest.approx((0.05 * 100 + 0.5 * 10, 0.1 * 100 + 10), rel=1e-12)
    assert found["pump"] == pytest.approx((0.05 * 300 + 0.5 * 10, 0.1 * 300 + 10), rel=1e-12)


def test_hedged_tiers():
    found = margins({"tiers": TIERS, "part": "hedged"}, {"PERP": 2, "FUT-A": -1.5}, pump=PUMP)
    assert found["base"] == pytest.approx((1.5 + 1.5, 3 + 3), rel=1e-12)
    assert found["pump"] == pytest.approx((1.5 + 15 + 30, 3 + 30 + 30), rel=1e-12)


def test_the_peg_moves_with_the_scenario():
    line = {"rate": BOTH, "depeg": {"asset": "USDC", "threshold": 0.98, "factor": 2.0}}
    found = margins(line, {"PERP": 2}, broken={"spot": {"USDC": 0.88}}, whole={"spot": {"USDC": 0.99}})
    assert found["broken"] == pytest.approx((0.01 * 0.2 * 200, 0.02 * 0.2 * 200), rel=1e-12)
    assert found["whole"] == (0.0, 0.0)


def test_lines_are_multiplied_by_the_margin_rate_of_the_model_and_the_multiplier_of_the_account():
    lines = [{"name": "all", "rate": BOTH}, {"name": "net", "rate": BOTH, "net": "underlying"}]
    margin = {"models": {"default": {"kind": "tiered", "add_ons": lines}}, "margin_schedules": {"free": {"tiers": NOTHING}}}
    instruments = {"PERP": {**INSTRUMENTS["PERP"], "margin_schedule": "free"}, "FUT-A": {**INSTRUMENTS["FUT-A"], "margin_schedule": "free"}}
    case = KernelCase(ASSETS, instruments, margin, {"A": {"margin_multiplier": 3.0}}).hold("PERP", 2).hold("FUT-A", -1)
    found = case.run(double={"margin_rate": {"default": 2.0}})
    assert found["base"]["maintenance_margin"] == pytest.approx(3 * 0.01 * (310 + 90), rel=1e-12)
    assert found["double"]["initial_margin"] == pytest.approx(6 * 0.02 * (310 + 90), rel=1e-12)


def test_an_asset_whose_peg_is_asked_for_must_be_there():
    with pytest.raises(StressTestError) as caught:
        margins({"rate": BOTH, "depeg": {"asset": "USDT", "threshold": 0.98}}, {"PERP": 2})
    (fault,) = caught.value.faults
    assert fault.path == "models.default.add_ons.0.depeg"
    assert "USDT" in fault.what


names = st.sampled_from(["PERP", "FUT-A", "FUT-B", "CALL", "PUT", "PUT-80", "ETH-PERP"])
books = st.dictionaries(names, st.sampled_from([-3.0, -1.0, 0.5, 2.0]), max_size=7)


@settings(max_examples=30, deadline=None)
@given(held=books, of=st.sampled_from(["notional", "underlying_notional", "value"]))
def test_the_more_nets_the_less_is_asked_and_the_sides_add_up(held: dict[str, float], of: str):
    def asked(net: str, side: str | None = None) -> float:
        return margins({"rate": BOTH, "of": of, "net": net} | ({} if side is None else {"side": side}), held)["base"][0]

    sizes = [asked(net) for net in ("position", "strike", "expiry", "underlying", "risk_group")]
    assert all(less <= more + 1e-9 for more, less in itertools.pairwise(sizes))
    for net, size in zip(("position", "strike", "underlying"), (sizes[0], sizes[1], sizes[3]), strict=True):
        assert math.isclose(asked(net, "long") + asked(net, "short"), size, abs_tol=1e-9)
