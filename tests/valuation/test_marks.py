"""Marks and unit values of every kind of instrument, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from valuation.builders import CRYPTO, OPTION, black, book, in_years, position_value, states

from stresstest.valuation.value import value_instruments


def test_linear_future_follows_its_underlying() -> None:
    dimensions = book(CRYPTO, [{"instrument_id": "F", "underlying": "BTC", "mark_price": 50_500.0, "contract_size": 0.1}])
    unit = value_instruments(dimensions, states(dimensions, {"spot": {"BTC": 35_000.0}}))
    assert unit.mark[0].tolist() == pytest.approx([50_500.0, 35_350.0], rel=1e-15)
    assert unit.notional[0].tolist() == pytest.approx([5_050.0, 3_535.0], rel=1e-15)
    # 3 contracts bought at 51,000: 3 * 0.1 * (35,350 - 51,000)
    assert position_value(unit, 0, 1, 3.0, 3.0 * 51_000.0) == pytest.approx(-4_695.0)
    assert unit.treatment == ("mark",)


def test_spot_counts_its_whole_value_and_a_future_only_its_profit() -> None:
    dimensions = book(CRYPTO, [{"instrument_id": "S", "kind": "spot", "underlying": "BTC", "mark_price": 50_000.0}])
    unit = value_instruments(dimensions, states(dimensions, {"spot": {"BTC": 40_000.0}}))
    assert unit.value_slope[0].tolist() == [50_000.0, 40_000.0]
    assert unit.cost_slope[0].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("quantity", "price", "equity", "maintenance"),
    [
        # References: inverse contracts of 1 USD, N = 100,000, entry 50,000, margin 0.5 BTC, m = 0.5 %:
        # long bankruptcy N/(C + N/P0) = 40,000, liquidation N(1+m)/(C + N/P0) = 40,200; short 66,666.67 and N(1-m)/(N/P0 - C) = 66,333.33.
        (100_000.0, 40_000.0, 0.0, None),
        (100_000.0, 40_200.0, None, 0.005),
        (-100_000.0, 200_000.0 / 3.0, 0.0, None),
        (-100_000.0, 199_000.0 / 3.0, None, 0.005),
    ],
)
def test_inverse_contract_meets_its_closed_form_bankruptcy_and_liquidation_prices(
    quantity: float, price: float, equity: float | None, maintenance: float | None
) -> None:
    future = {"instrument_id": "I", "underlying": "BTC", "payoff": "inverse", "settle": "BTC", "mark_price": 50_000.0}
    dimensions = book(CRYPTO, [future])
    unit = value_instruments(dimensions, states(dimensions, {"spot": {"BTC": price}}))
    balance = 0.5 * price + position_value(unit, 0, 1, quantity, quantity / 50_000.0)
    assert unit.notional[0, 1] == 1.0
    # The requirement is m*N of USD face: per USD of face 0.005.
    required = 0.0 if equity is not None else (maintenance or 0.0) * abs(quantity) * unit.notional[0, 1]
    assert balance == pytest.approx(required, abs=1e-8)


@pytest.mark.parametrize(
    ("quantity", "price", "rate"),
    # References: q = 2, P0 = 50,000, C = 10,000, m = 0.5 %: bankruptcy 45,000 and 55,000, liquidation 45,226.13065326633 and 54,726.36815920399.
    [(2.0, 45_000.0, 0.0), (2.0, 45_226.13065326633, 0.005), (-2.0, 55_000.0, 0.0), (-2.0, 54_726.36815920399, 0.005)],
)
def test_linear_contract_meets_its_closed_form_prices(quantity: float, price: float, rate: float) -> None:
    dimensions = book(CRYPTO, [{"instrument_id": "F", "underlying": "BTC", "mark_price": 50_000.0}])
    unit = value_instruments(dimensions, states(dimensions, {"spot": {"BTC": price}}))
    balance = 10_000.0 + position_value(unit, 0, 1, quantity, quantity * 50_000.0)
    assert balance == pytest.approx(rate * abs(quantity) * unit.notional[0, 1], abs=1e-8)


def test_quanto_pays_the_price_change_in_its_settle_asset() -> None:
    quanto = {"instrument_id": "Q", "underlying": "ETH", "payoff": "quanto", "settle": "BTC", "contract_size": 1e-6, "mark_price": 2_000.0}
    dimensions = book(CRYPTO, [quanto])
    unit = value_instruments(dimensions, states(dimensions, {"spot": {"ETH": 2_500.0, "BTC": 40_000.0}}))
    # 1e-6 BTC for each dollar of ETH: 100 contracts gain 100 * 1e-6 * 500 BTC = 0.05 BTC = 2,000 USD.
    assert position_value(unit, 0, 1, 100.0, 100.0 * 2_000.0) == pytest.approx(2_000.0)
    assert unit.notional[0, 1] == pytest.approx(1e-6 * 2_500.0 * 40_000.0)


def test_coin_settled_linear_contract_is_worth_the_same_in_reporting_currency() -> None:
    shock = {"spot": {"BTC": 30_000.0}}
    values = []
    for settle in ("USD", "BTC"):
        dimensions = book(CRYPTO, [{"instrument_id": "F", "underlying": "BTC", "settle": settle, "mark_price": 50_000.0}])
        values.append(position_value(value_instruments(dimensions, states(dimensions, shock)), 0, 1, 2.0, 100_000.0))
    assert values == [-40_000.0, -40_000.0]


def test_fx_chain_three_deep() -> None:
    # A future on SHARE in TRY; SHARE is priced in TRY, TRY in EUR, EUR in USD.
    assets = {"EUR": {"price": 1.10}, "TRY": {"price": 0.03, "price_currency": "EUR"}, "SHARE": {"price": 200.0, "price_currency": "TRY"}}
    dimensions = book(assets, [{"instrument_id": "F", "underlying": "SHARE", "quote": "TRY", "mark_price": 204.0, "contract_size": 10.0}])
    fall, lira, euro = {"spot": {"SHARE": 150.0}}, {"spot": {"TRY": 0.015}}, {"spot": {"EUR": 0.99}}
    unit = value_instruments(dimensions, states(dimensions, fall, lira, euro))
    assert unit.mark[0].tolist() == pytest.approx([204.0, 153.0, 204.0, 204.0], rel=1e-15)
    # 10 * M * X_TRY with X_TRY = TRY in EUR * EUR in USD.
    assert unit.value_slope[0].tolist() == pytest.approx([67.32, 50.49, 33.66, 60.588], rel=1e-12)
    assert unit.cost_slope[0].tolist() == pytest.approx([-0.33, -0.33, -0.165, -0.297], rel=1e-12)


def test_mark_in_a_coin_moves_against_the_coin() -> None:
    dimensions = book(CRYPTO, [{"instrument_id": "ETHBTC", "underlying": "ETH", "quote": "BTC", "mark_price": 0.041}])
    unit = value_instruments(dimensions, states(dimensions, {"spot": {"BTC": 25_000.0}}, {"spot": {"BTC": 25_000.0, "ETH": 1_000.0}}))
    assert unit.mark[0].tolist() == pytest.approx([0.041, 0.082, 0.041], rel=1e-15)


def test_oil_below_zero_moves_additively() -> None:
    # WTI May 2020: settled at 18.31 on 17 April and traded to -40.32; here -36.98 as the stressed spot (CME: settled -37.63).
    assets = {"WTI": {"price": 18.27, "may_be_negative": True}}
    dimensions = book(assets, [{"instrument_id": "CLK0", "underlying": "WTI", "mark_price": 18.31, "contract_size": 1_000.0}])
    unit = value_instruments(dimensions, states(dimensions, {"spot": {"WTI": -37.02}}))
    assert unit.mark[0].tolist() == pytest.approx([18.31, -36.98], rel=1e-14)
    assert unit.notional[0, 1] == pytest.approx(36_980.0)
    assert position_value(unit, 0, 1, 5.0, 5.0 * 18.31) == pytest.approx(5_000.0 * (-36.98 - 18.31))


def test_basis_moves_the_future_and_not_its_underlying() -> None:
    perpetual = {"instrument_id": "P", "kind": "perpetual", "underlying": "BTC", "mark_price": 50_000.0}
    dated = {"instrument_id": "F", "underlying": "BTC", "mark_price": 51_000.0, "expiry": in_years(0.25)}
    dimensions = book(CRYPTO, [dated, perpetual])
    # Annualised basis -0.08 over a quarter of a year comes resolved as -0.02.
    unit = value_instruments(dimensions, states(dimensions, {"spot": {"BTC": 40_000.0}, "basis": {"F": -0.02, "P": -0.01}}))
    assert unit.mark[:, 1].tolist() == pytest.approx([51_000.0 * 0.8 * 0.98, 40_000.0 * 0.99], rel=1e-15)


def test_option_reprices_with_spot_vol_rate_and_time() -> None:
    discount, deviation = math.exp(-0.04 * 0.5), 0.6 * math.sqrt(0.5)
    forward = 50_000.0 / discount
    mark = discount * black(forward, 50_000.0, deviation, 1.0)
    dimensions = book(CRYPTO | {"USD": {"price": 1.0, "rate": 0.04}}, [{**OPTION, "instrument_id": "C", "mark_price": mark}])
    shock = {"spot": {"BTC": 45_000.0}, "rate": {"USD": 0.06}, "vol": {"*": (1.5, 0.05)}, "elapsed_years": 0.1, "basis": {"C": 0.01}}
    unit = value_instruments(dimensions, states(dimensions, shock, {"spot": {"BTC": 45_000.0}}))
    assert unit.base_vol[0] == pytest.approx(0.6, rel=1e-12)
    stressed_forward = 45_000.0 * math.exp(0.06 * 0.4) * 1.01
    assert unit.forward[0].tolist() == pytest.approx([forward, stressed_forward, 0.9 * forward], rel=1e-14)
    expected = math.exp(-0.06 * 0.4) * black(stressed_forward, 50_000.0, 0.95 * math.sqrt(0.4), 1.0)
    assert unit.mark[0].tolist() == pytest.approx([mark, expected, discount * black(0.9 * forward, 50_000.0, deviation, 1.0)], rel=1e-12)
    assert unit.mark[0, 0] == mark
    assert unit.treatment == ("implied",)
    # A paid option is worth its price, whatever was paid; its notional is the underlying's.
    assert unit.value_slope[0, 1] == unit.mark[0, 1]
    assert unit.cost_slope[0, 1] == 0.0
    assert unit.notional[0].tolist() == [50_000.0, 45_000.0, 45_000.0]


def test_margined_option_is_not_discounted_and_counts_its_profit() -> None:
    mark = black(50_000.0, 50_000.0, 0.6 * math.sqrt(0.5), -1.0)
    option = {**OPTION, "instrument_id": "P", "option_type": "put", "premium_style": "margined", "mark_price": mark, "forward": 50_000.0}
    dimensions = book(CRYPTO | {"USD": {"price": 1.0, "rate": 0.04}}, [option])
    unit = value_instruments(dimensions, states(dimensions, {"spot": {"BTC": 45_000.0}}))
    expected = black(45_000.0, 50_000.0, 0.6 * math.sqrt(0.5), -1.0)
    assert unit.mark[0, 1] == pytest.approx(expected, rel=1e-12)
    assert position_value(unit, 0, 1, 2.0, 2.0 * mark) == pytest.approx(2.0 * (expected - mark), rel=1e-10)


@pytest.mark.parametrize(("option_type", "spot", "worth"), [("call", 60_000.0, 10_000.0), ("call", 40_000.0, 0.0), ("put", 40_000.0, 10_000.0)])
def test_decay_to_and_past_expiry_leaves_the_intrinsic_value(option_type: str, spot: float, worth: float) -> None:
    option = {**OPTION, "instrument_id": "O", "option_type": option_type, "mark_price": 8_000.0, "forward": 50_500.0}
    dimensions = book(CRYPTO, [option])
    at, past = ({"spot": {"BTC": spot}, "elapsed_years": elapsed, "vol": {"*": (2.0, 0.0)}} for elapsed in (0.5, 3.0))
    unit = value_instruments(dimensions, states(dimensions, at, past))
    assert unit.mark[0, 1:].tolist() == pytest.approx([worth, worth], abs=1e-9)


def test_inverse_option_is_priced_in_coin() -> None:
    mark = black(2_020.0, 2_100.0, 0.7 * math.sqrt(0.5), 1.0) / 2_020.0
    option = {
        "instrument_id": "C",
        "kind": "option",
        "payoff": "inverse",
        "underlying": "ETH",
        "quote": "ETH",
        "strike": 2_100.0,
        "option_type": "call",
        "expiry": in_years(0.5),
        "mark_price": mark,
        "forward": 2_020.0,
    }
    dimensions = book(CRYPTO | {"USD": {"price": 1.0, "rate": 0.05}}, [option])
    unit = value_instruments(dimensions, states(dimensions, {"spot": {"ETH": 3_000.0}}, {"spot": {"ETH": 1e9}}))
    assert unit.base_vol[0] == pytest.approx(0.7, rel=1e-12)
    forward = 2_020.0 * 1.5
    expected = black(forward, 2_100.0, 0.7 * math.sqrt(0.5), 1.0) / forward
    assert unit.mark[0, 1] == pytest.approx(expected, rel=1e-12)
    assert unit.value_slope[0, 1] == pytest.approx(expected * 3_000.0, rel=1e-12)
    assert unit.notional[0, 1] == 3_000.0
    # A call on a coin is never worth more than the coin.
    assert 0.999 < unit.mark[0, 2] <= 1.0


def test_inverse_option_in_a_stablecoin_follows_the_pair_and_not_the_dollar() -> None:
    option = {
        "instrument_id": "P",
        "kind": "option",
        "payoff": "inverse",
        "underlying": "ETH",
        "quote": "ETH",
        "strike": 2_000.0,
        "option_type": "put",
        "expiry": in_years(0.5),
        "mark_price": 0.15,
    }
    dimensions = book({"ETH": {"price": 2_000.0, "price_currency": "USDC"}, "USDC": {"price": 1.0}}, [option])
    unit = value_instruments(dimensions, states(dimensions, {"spot": {"USDC": 0.9}}))
    assert unit.mark[0].tolist() == [0.15, 0.15]
    assert unit.value_slope[0].tolist() == pytest.approx([300.0, 270.0])


def test_options_on_negative_oil_use_normal_vols() -> None:
    assets = {"WTI": {"price": 18.31, "may_be_negative": True}}
    vol, years = 20.0, 0.25
    mark = vol * math.sqrt(years) / math.sqrt(2.0 * math.pi)  # at the money: v / sqrt(2*pi)
    option = {
        "instrument_id": "P",
        "kind": "option",
        "underlying": "WTI",
        "strike": 18.31,
        "option_type": "put",
        "expiry": in_years(years),
        "mark_price": mark,
        "vol_type": "normal",
        "forward": 18.31,
    }
    dimensions = book(assets, [option])
    shocks = {"spot": {"WTI": -36.98}, "vol": {"*": (1.0, -100.0)}}, {"spot": {"WTI": -36.98}}, {"vol": {"*": (2.0, 0.0)}}
    unit = value_instruments(dimensions, states(dimensions, *shocks))
    assert unit.base_vol[0] == pytest.approx(vol, rel=1e-12)
    assert unit.forward[0, 1] == pytest.approx(-36.98)
    assert unit.mark[0, 1] == pytest.approx(55.29, rel=1e-14)  # no vol left: intrinsic
    assert 55.29 <= unit.mark[0, 2] < 55.30
    assert unit.mark[0, 3] == pytest.approx(2.0 * mark, rel=1e-12)  # above 10: normal vols have no upper clamp
    assert unit.clamped_vols.sum() == 1


def test_lognormal_option_on_a_negative_forward_is_worth_its_intrinsic_value() -> None:
    option = {
        "instrument_id": "P",
        "kind": "option",
        "underlying": "WTI",
        "strike": 20.0,
        "option_type": "put",
        "expiry": in_years(0.1),
        "mark_price": 3.0,
        "forward": 18.31,
    }
    dimensions = book(
        {"WTI": {"price": 18.31, "may_be_negative": True}}, [option, {**option, "instrument_id": "C", "option_type": "call", "mark_price": 1.31}]
    )
    unit = value_instruments(dimensions, states(dimensions, {"spot": {"WTI": -36.98}}))
    assert unit.mark[:, 1].tolist() == pytest.approx([0.0, 56.98])
    assert np.isfinite(unit.value_slope).all()


def test_vols_are_clamped_and_counted() -> None:
    dimensions = book(CRYPTO, [{**OPTION, "instrument_id": "C", "mark_price": 8_000.0}])
    unit = value_instruments(dimensions, states(dimensions, {"vol": {"*": (100.0, 0.0)}}, {"vol": {"*": (1.0, -3.0)}}, {"vol": {"*": (1.1, 0.0)}}))
    assert unit.clamped_vols.sum() == 2
    assert unit.mark[0, 1] == pytest.approx(black(50_000.0, 50_000.0, 10.0 * math.sqrt(0.5), 1.0))
    assert unit.mark[0, 2] == 0.0
