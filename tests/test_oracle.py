"""The reference calculation itself, against published cases and figures worked out by hand."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
from generated.books import make_book
from generated.market import AS_OF
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.margin import from_schedule
from oracle.options import Option, bounds, implied_vol, price
from oracle.reading import Row, snapshot_of
from oracle.shocks import composed
from oracle.totals import BASES, MEASURES, STATUSES, OracleResult, run_folder, run_snapshot

SHARED = Path(__file__).parents[1] / "../shared"
NO_HAIRCUT: Row = {"bands": [{"from": 0, "haircut": 0.0}]}


def flat(rate: float, initial: float | None = None) -> Row:
    """A schedule of one rate."""
    return {"tiers": [{"from": 0, "maintenance_rate": rate, "initial_rate": rate if initial is None else initial}]}


def run(tables: dict[str, list[Row]], margin: Row, scenarios: list[Row] | None = None) -> OracleResult:
    """The reference run of rows; collateral schedule `none` (no haircut) and the model `default` are always there."""
    complete = {
        "collateral_schedules": {"none": NO_HAIRCUT, **margin.get("collateral_schedules", {})},
        "margin_schedules": margin.get("margin_schedules", {}),
        "models": {"default": {}, **margin.get("models", {})},
    }
    return run_snapshot(snapshot_of(tables, AS_OF, "USD"), complete, scenarios or [])


def shocked(name: str, *shocks: Row) -> Row:
    return {"id": name, "family": "hypothetical", "shocks": list(shocks)}


def perpetual(underlying: str, mark: float, schedule: str = "m", **columns: object) -> Row:
    name = f"{underlying}-P"
    terms = {"instrument_id": name, "kind": "perpetual", "underlying": underlying, "quote": "USD", "mark_price": mark, "margin_schedule": schedule}
    return {**terms, **columns}


def excess(result: OracleResult, scenario: str, account: str = "a", pool: str = "cross") -> float:
    figures = result.pools[account, pool, scenario]
    return float(figures["margin_balance"]) - float(figures["maintenance_margin"])


# ------------------------------------------------------------------ margin tiers

# Binance BTCUSDT brackets as used by freqtrade's tests: floor, rate, deduction ("cum"). The floor is inclusive.
BTCUSDT = [
    (0, 0.004, 0.0), (50_000, 0.005, 50.0), (250_000, 0.01, 1_300.0), (1_000_000, 0.025, 16_300.0), (7_500_000, 0.05, 203_800.0),
    (40_000_000, 0.1, 2_203_800.0), (100_000_000, 0.125, 4_703_800.0), (200_000_000, 0.15, 9_703_800.0),
    (400_000_000, 0.25, 49_703_800.0), (600_000_000, 0.5, 199_703_800.0),
]  # fmt: skip


def brackets(convention: str) -> Row:
    rows = [
        {"from": floor, "maintenance_rate": rate, "initial_rate": rate, "maintenance_deduction": cut, "initial_deduction": cut}
        for floor, rate, cut in BTCUSDT
    ]
    return {"convention": convention, "tiers": rows}


@pytest.mark.parametrize(
    ("notional", "margin"),
    [
        (170.3, 0.6812),  # freqtrade: 170.3 in the first bracket
        (50_000.0, 200.0),  # Vibe-Trading test_perpetual_risk: 50,000 -> 200
        (50_001.0, 200.005),  # and 50,001 -> 200.005
        (1_000_000.0, 8_700.0),  # 0.025 * 1e6 - 16,300
        (600_000_000.0, 100_296_200.0),  # 0.5 * 6e8 - 199,703,800
    ],
)
def test_published_brackets(notional: float, margin: float) -> None:
    assert from_schedule(brackets("deduction"), notional, 1.0, "maintenance") == pytest.approx(margin, rel=1e-12)
    # "Deduction_n = floor_n * (rate_n - rate_(n-1)) + deduction_(n-1)": the venue's deductions are the marginal schedule.
    assert from_schedule(brackets("marginal"), notional, 1.0, "maintenance") == pytest.approx(margin, rel=1e-12)


@pytest.mark.parametrize(
    ("convention", "basis", "notional", "contracts", "margin"),
    [
        ("whole", "value", 249_999.0, 1.0, 249_999.0 * 0.005),
        ("whole", "value", 250_000.0, 1.0, 2_500.0),
        ("whole", "contracts", 900.0, 50_000.0, 900.0 * 0.005),
        ("deduction", "contracts", 20_000.0, 50_000.0, 20_000.0 * 0.005 - 50.0),
        ("deduction", "contracts", 900.0, 50_000.0, 0.0),  # 4.5 less 50: not below zero
        # 100,000 contracts of notional 2: 2 * (0.004 * 50,000 + 0.005 * 50,000)
        ("marginal", "contracts", 200_000.0, 100_000.0, 900.0),
        ("marginal", "contracts", 0.0, 0.0, 0.0),
    ],
)
def test_conventions(convention: str, basis: str, notional: float, contracts: float, margin: float) -> None:
    schedule = {**brackets(convention), "basis": basis}
    assert from_schedule(schedule, notional, contracts, "maintenance") == pytest.approx(margin, rel=1e-12)


@pytest.mark.parametrize(("notional", "margin"), [(10_000.0, 20.0), (50_000.0, 220.0)])
def test_cryptogt_marginal_tiers(notional: float, margin: float) -> None:
    # cryptogt.com trading conditions, positions 1 and 2: 0.2 % up to 10,000, 0.5 % from there.
    tiers = [{"from": 0, "maintenance_rate": 0.002, "initial_rate": 0.002}, {"from": 10_000, "maintenance_rate": 0.005, "initial_rate": 0.005}]
    assert from_schedule({"tiers": tiers}, notional, 1.0, "maintenance") == pytest.approx(margin, rel=1e-12)


# ------------------------------------------------------------------ liquidation prices


@pytest.mark.parametrize(
    ("wallet", "quantity", "entry", "rate", "deduction", "liquidation", "rounding"),
    [
        # freqtrade test_binance.py: isolated ETH and BTC (published to two decimals); test_exchange.py: 5x short and long of 1 at 10.
        (1_535_443.01, 3_683.979, 1_456.84, 0.1, 135_365.0, 1_114.78, 0.0051),
        (1_535_443.01, 109.488, 32_481.98, 0.025, 16_300.0, 18_778.73, 0.005),
        (2.0, -1.0, 10.0, 0.01, 0.01, 11.89108910891089, 1e-12),
        (2.0, 1.0, 10.0, 0.01, 0.01, 8.070707070707071, 1e-12),
        # cascade note T5: 50,000 entry, 10,000 margin, 0.5 % maintenance.
        (10_000.0, 2.0, 50_000.0, 0.005, 0.0, 45_226.13065326633, 1e-9),
        (10_000.0, -2.0, 50_000.0, 0.005, 0.0, 54_726.36815920399, 1e-9),
    ],
)
def test_liquidation_price_of_an_isolated_linear_position(
    wallet: float, quantity: float, entry: float, rate: float, deduction: float, liquidation: float, rounding: float
) -> None:
    tier = {"from": 0, "maintenance_rate": rate, "initial_rate": rate, "maintenance_deduction": deduction, "initial_deduction": deduction}
    isolated = {"margin_mode": "isolated", "isolated_margin": wallet}
    result = run(
        {
            "assets": [{"asset": "X", "price": entry}],
            "instruments": [perpetual("X", entry)],
            "positions": [{"account_id": "a", "instrument_id": "X-P", "quantity": quantity, "entry_price": entry, **isolated}],
        },
        {"margin_schedules": {"m": {"convention": "deduction", "tiers": [tier]}}},
        [shocked("liquidation", {"factor": "spot:X", "replace": liquidation})],
    )
    pool = "X-P:long" if quantity > 0.0 else "X-P:short"
    assert abs(excess(result, "liquidation", pool=pool)) <= rounding * abs(quantity) * 1.1 + 1e-12 * wallet


@pytest.mark.parametrize(
    ("quantity", "liquidation", "bankruptcy"), [(100_000.0, 40_200.0, 40_000.0), (-100_000.0, 66_333.0 + 1.0 / 3.0, 200_000.0 / 3.0)]
)
def test_liquidation_and_bankruptcy_of_an_inverse_position(quantity: float, liquidation: float, bankruptcy: float) -> None:
    # Cascade note T5: N = 100,000 at 50,000 with 0.5 BTC and 0.5 % maintenance.
    result = run(
        {
            "assets": [{"asset": "BTC", "price": 50_000.0, "collateral_schedule": "none"}],
            "instruments": [perpetual("BTC", 50_000.0, settle="BTC", payoff="inverse")],
            "positions": [{"account_id": "a", "instrument_id": "BTC-P", "quantity": quantity}],
            "collateral": [{"account_id": "a", "asset": "BTC", "quantity": 0.5}],
        },
        {"margin_schedules": {"m": flat(0.005)}},
        [shocked(name, {"factor": "spot:BTC", "replace": level}) for name, level in (("liquidation", liquidation), ("bankruptcy", bankruptcy))],
    )
    assert excess(result, "liquidation") == pytest.approx(0.0, abs=1e-7)
    assert result.accounts["a", "bankruptcy"]["equity"] == pytest.approx(0.0, abs=1e-7)
    assert result.accounts["a", "bankruptcy"]["status"] == "liquidation"


def test_cross_liquidation_counts_the_maintenance_of_other_positions() -> None:
    # TorchTrade issue 344: equity 5, one unit at 100 with 0.4 %, 4.0 of other maintenance: (100 - 5 + 4) / (1 - 0.004) = 99.4, not 95.4.
    result = run(
        {
            "assets": [{"asset": "X", "price": 100.0}, {"asset": "Y", "price": 1_000.0}],
            "instruments": [perpetual("X", 100.0), perpetual("Y", 1_000.0)],
            "positions": [{"account_id": "a", "instrument_id": name, "quantity": 1.0} for name in ("X-P", "Y-P")],
            "collateral": [{"account_id": "a", "asset": "USD", "quantity": 5.0}],
        },
        {"margin_schedules": {"m": flat(0.004)}},
        [shocked("liquidation", {"factor": "spot:X", "replace": 99.0 / 0.996})],
    )
    assert round(99.0 / 0.996, 1) == 99.4
    assert excess(result, "liquidation") == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("posted", "status"), [(600.0, "liquidation"), (747.5, "call"), (747.48, "liquidation"), (6_450.0, "ok")])
def test_isolated_positions_pass_or_fail_alone(posted: float, status: str) -> None:
    # Vibe-Trading test_perpetual_risk.py, isolated: 5,950 and 301 initial at 10x, 247.5 and 12.04 maintenance; with 600 only BTC is liquidated.
    both = {"account_id": "a", "margin_mode": "isolated", "leverage": 10.0}
    result = run(
        {
            "assets": [{"asset": "BTC", "price": 59_500.0}, {"asset": "ETH", "price": 3_010.0}],
            "instruments": [perpetual("BTC", 59_500.0), perpetual("ETH", 3_010.0)],
            "positions": [
                {**both, "instrument_id": "BTC-P", "quantity": 1.0, "entry_price": 60_000.0, "isolated_margin": posted},
                {**both, "instrument_id": "ETH-P", "quantity": -1.0, "entry_price": 3_000.0, "isolated_margin": 500.0},
            ],
        },
        {"margin_schedules": {"m": brackets("deduction")}},
    )
    pools = [result.pools["a", "BTC-P:long", "base"], result.pools["a", "ETH-P:short", "base"]]
    assert [pool["initial_margin"] for pool in pools] == pytest.approx([5_950.0, 301.0])
    assert [pool["maintenance_margin"] for pool in pools] == pytest.approx([247.5, 12.04])
    assert [pool["status"] for pool in pools] == [status, "ok"]
    assert result.accounts["a", "base"]["status"] == status
    assert result.accounts["a", "base"]["margin_balance"] == pytest.approx(posted - 500.0 + 490.0)


@pytest.mark.parametrize(
    ("breach_at_equality", "wallet", "status"),
    [
        (False, 747.5, "call"),  # equality is safe: 747.5 - 500 = 247.5 = maintenance; initial 297.5 is not met
        (True, 747.5, "liquidation"),  # Vibe-Trading: liquidated at the exact threshold
        (False, 747.4901, "call"),  # inside the tolerance of 0.01
        (False, 747.4899, "liquidation"),
        (True, 747.52, "call"),
        (False, 499.989, "default"),
        (False, 797.5, "ok"),
        (True, 797.5, "call"),
    ],
)
def test_equality_and_tolerance(breach_at_equality: bool, wallet: float, status: str) -> None:
    result = run(
        {
            "accounts": [{"account_id": "a", "margin_model": "m"}],
            "assets": [{"asset": "BTC", "price": 59_500.0}],
            "instruments": [perpetual("BTC", 59_500.0)],
            "positions": [{"account_id": "a", "instrument_id": "BTC-P", "quantity": 1.0, "entry_price": 60_000.0, "leverage": 200.0}],
            "collateral": [{"account_id": "a", "asset": "USD", "quantity": wallet}],
        },
        {"margin_schedules": {"m": brackets("deduction")}, "models": {"m": {"breach_at_equality": breach_at_equality}}},
    )
    assert result.accounts["a", "base"]["status"] == status


@pytest.mark.parametrize("breach_at_equality", [False, True])
def test_an_empty_account_is_safe_under_either_rule(breach_at_equality: bool) -> None:
    tables: dict[str, list[Row]] = {"accounts": [{"account_id": "a", "margin_model": "m"}]}
    result = run(tables, {"models": {"m": {"breach_at_equality": breach_at_equality}}})
    assert result.accounts["a", "base"]["status"] == "ok"


# ------------------------------------------------------------------ collateral


def balance(bands: Row, asset: Row, quantity: float, *shocks: Row, level: str = "margin_balance") -> float:
    """The margin balance that a holding of one asset gives."""
    result = run(
        {
            "assets": [{"asset": "T", "collateral_schedule": "s", **asset}],
            "collateral": [{"account_id": "a", "asset": "T", "quantity": quantity, "location": "vault"}],
        },
        {"collateral_schedules": {"s": bands}},
        [shocked("now", *shocks)],
    )
    return float(result.accounts["a", "now"][level])


@pytest.mark.parametrize(
    ("basis", "bands", "price_", "quantity", "worth"),
    [
        # Bitget cross-discount page, example 2: 11,000,000 USDT at 1.0 to 5m, 0.98 to 10m, 0.975 beyond = 10,875,000.
        ("value", [(0, 0.0), (5_000_000, 0.02), (10_000_000, 0.025), (20_000_000, 1.0)], 1.0, 11_000_000.0, 10_875_000.0),
        # MEXC multi-asset page: 2 BTC at 0.9 for the first, 0.8 beyond = 1.7 BTC.
        ("quantity", [(0, 0.1), (1, 0.2)], 1.0, 2.0, 1.7),
        ("quantity", [(0, 0.1), (1, 0.2)], 60_000.0, 2.0, 1.7 * 60_000.0),
        # BIT help centre: 100 BCH at 300 with 5 % = 28,500. Binance multi-asset page: 1 BNB of 1,000 at 5 %, 1,000 ADA at 10 %.
        ("value", [(0, 0.05)], 300.0, 100.0, 28_500.0),
        ("value", [(0, 0.05)], 1_000.0, 1.0, 950.0),
        ("value", [(0, 0.10)], 1.0, 1_000.0, 900.0),
        # Nothing above a finite last band.
        ("value", [(0, 0.0), (100, 1.0)], 1.0, 250.0, 100.0),
    ],
)
def test_published_haircuts(basis: str, bands: list[tuple[float, float]], price_: float, quantity: float, worth: float) -> None:
    schedule = {"basis": basis, "bands": [{"from": start, "haircut": haircut} for start, haircut in bands]}
    assert balance(schedule, {"price": price_}, quantity) == pytest.approx(worth, rel=1e-12)


BANDED: Row = {
    "bands": [{"from": 0, "haircut": 0.1, "initial_haircut": 0.2}, {"from": 1_000, "haircut": 0.5}],
    "liability_weight": {"maintenance": 1.1, "initial": 1.2},
}


@pytest.mark.parametrize(
    ("quantity", "shocks", "maintenance", "initial"),
    [
        (20.0, [], 900.0 + 500.0, 800.0 + 500.0),  # 2,000: 1,000 in each band
        (-20.0, [], -2_200.0, -2_400.0),
        (20.0, [{"factor": "spot:T", "relative": -0.4}], 900.0 + 100.0, 800.0 + 100.0),
        (20.0, [{"factor": "collateral:T", "replace": 0.75}], 900.0 + 250.0, 800.0 + 250.0),  # equity keeps 2,000
        (-20.0, [{"factor": "collateral:T", "replace": 0.75}], -2_200.0, -2_400.0),  # debts keep their price
        (20.0, [{"factor": "haircut:T", "absolute": 0.1}], 800.0 + 400.0, 700.0 + 400.0),
        (20.0, [{"factor": "haircut:T", "scale": 3.0}], 700.0, 400.0),  # 0.5 * 3 clamps to 1
        (20.0, [{"factor": "holding:*", "where": {"location": "vault"}, "replace": 0.5}], 900.0, 800.0),
        (20.0, [{"factor": "holding:*", "where": {"location": "bank"}, "replace": 0.5}], 1_400.0, 1_300.0),
        (-20.0, [{"factor": "holding:*", "replace": 0.0}], -2_200.0, -2_400.0),  # only positive rows are at risk
    ],
)
def test_bands_debts_and_collateral_shocks(quantity: float, shocks: list[Row], maintenance: float, initial: float) -> None:
    assert balance(BANDED, {"price": 100.0}, quantity, *shocks) == pytest.approx(maintenance)
    assert balance(BANDED, {"price": 100.0}, quantity, *shocks, level="margin_balance_initial") == pytest.approx(initial)


def test_holding_shares_apply_row_by_row_before_netting() -> None:
    result = run(
        {
            "assets": [{"asset": "T", "price": 10.0, "collateral_schedule": "none"}],
            "collateral": [
                {"account_id": "a", "asset": "T", "quantity": 100.0, "location": "bridge"},
                {"account_id": "a", "asset": "T", "quantity": 20.0},
                {"account_id": "a", "asset": "T", "quantity": -60.0, "location": "bridge"},
            ],
        },
        {},
        [shocked("hack", {"factor": "holding:T", "where": {"location": "bridge"}, "replace": 0.25})],
    )
    # 10 * (25 + 20 - 60): the debt stays, so the account is under water.
    assert result.accounts["a", "hack"]["equity"] == pytest.approx(-150.0)
    assert result.accounts["a", "hack"]["collateral_pnl"] == pytest.approx(-750.0)
    assert result.accounts["a", "hack"]["status"] == "default"


@pytest.mark.parametrize(
    ("quantity", "price_", "factor", "debt", "liquidatable"),
    [
        # Compound v3 is-liquidatable and is-borrow-collateralized tests: sum(qty * price * factor) against debt; equality is safe.
        (0.0, 1.0, 1.0, 1.0, True),
        (100_000.0, 1.0, 1.0, 100_000.0, False),
        (95_000.0, 1.0, 1.0, 100_000.0, True),
        (100_000.0, 0.5, 1.0, 100_000.0, True),
        (1.2, 1.0, 0.9, 1.0, False),
        (1.0, 1.0, 0.9, 1.0, True),
        (5.0, 1.0, 0.2, 1.0, False),
        (5.0, 0.5, 0.2, 1.0, True),
    ],
)
def test_compound_collateral_factors(quantity: float, price_: float, factor: float, debt: float, liquidatable: bool) -> None:
    result = run(
        {
            "assets": [{"asset": "COMP", "price": price_, "collateral_schedule": "c"}],
            "collateral": [{"account_id": "a", "asset": "COMP", "quantity": quantity}, {"account_id": "a", "asset": "USD", "quantity": -debt}],
        },
        {"collateral_schedules": {"c": {"bands": [{"from": 0, "haircut": 1.0 - factor}]}}},
    )
    assert (result.accounts["a", "base"]["status"] in ("liquidation", "default")) is liquidatable


@pytest.mark.parametrize(
    ("balances", "health"),
    [
        # Mango v4 test_health_with_skips, initial health: T1 100 at 1 (0.8 / 1.2), T2 10 at 5 (0.5 / 1.5), T3 -10 at 10 (0.5 / 1.5).
        ({"T2": 10.0, "T3": -10.0}, -125.0),
        ({"T1": 100.0, "T3": -10.0}, -70.0),
        ({"T3": -10.0}, -150.0),
        ({"T1": -100.0}, -120.0),  # test_health_stable_price_token
    ],
)
def test_mango_token_health(balances: dict[str, float], health: float) -> None:
    def weights(asset: float, liability: float) -> Row:
        return {"bands": [{"from": 0, "haircut": 1.0 - asset}], "liability_weight": liability}

    result = run(
        {
            "assets": [{"asset": f"T{n}", "price": price_, "collateral_schedule": f"t{n}"} for n, price_ in ((1, 1.0), (2, 5.0), (3, 10.0))],
            "collateral": [{"account_id": "a", "asset": asset, "quantity": quantity} for asset, quantity in balances.items()],
        },
        {"collateral_schedules": {"t1": weights(0.8, 1.2), "t2": weights(0.5, 1.5), "t3": weights(0.5, 1.5)}},
    )
    assert result.accounts["a", "base"]["margin_balance"] == pytest.approx(health)


@pytest.mark.parametrize(
    ("model", "balance_", "balance_initial"),
    [
        # P&L +500 (X, settled in T at 10 % haircut) and -200 (Y); 1,000 of T.
        ({}, 1_300.0 * 0.9, 1_300.0 * 0.9),
        ({"pnl_into": "value"}, 900.0 + 300.0, 900.0 + 300.0),
        ({"pnl_into": "value", "positive_pnl_weight": {"maintenance": 0.5, "initial": 0.0}}, 900.0 + 50.0, 900.0 - 200.0),
        ({"positive_pnl_weight": 0.5, "positive_pnl_cap": {"initial": 100.0}}, (1_000.0 + 50.0) * 0.9, (1_000.0 - 100.0) * 0.9),
    ],
)
def test_where_profit_and_loss_goes(model: Row, balance_: float, balance_initial: float) -> None:
    result = run(
        {
            "accounts": [{"account_id": "a", "margin_model": "m"}],
            "assets": [{"asset": "T", "price": 1.0, "collateral_schedule": "t"}, {"asset": "X", "price": 100.0}, {"asset": "Y", "price": 100.0}],
            "instruments": [perpetual("X", 100.0, settle="T"), perpetual("Y", 100.0, settle="T")],
            "positions": [
                {"account_id": "a", "instrument_id": "X-P", "quantity": 10.0, "entry_price": 60.0, "accrued_funding": 100.0},
                {"account_id": "a", "instrument_id": "Y-P", "quantity": 10.0, "entry_price": 120.0},
            ],
            "collateral": [{"account_id": "a", "asset": "T", "quantity": 1_000.0}],
        },
        {"collateral_schedules": {"t": {"bands": [{"from": 0, "haircut": 0.1}]}}, "margin_schedules": {"m": flat(0.01)}, "models": {"m": model}},
    )
    figures = result.accounts["a", "base"]
    assert figures["equity"] == pytest.approx(1_300.0)
    assert figures["margin_balance"] == pytest.approx(balance_)
    assert figures["margin_balance_initial"] == pytest.approx(balance_initial)


# ------------------------------------------------------------------ instruments


@pytest.mark.parametrize(
    ("columns", "quantity", "entry", "shock", "value"),
    [
        # Linear in EUR (1.1), settled in EUR: (120 - 90) * 2 * 10 contracts * 1.1, then EUR to 1.0: mark 120 * 1.1 / 1.0 = 132.
        ({"quote": "EUR", "mark_price": 120.0, "contract_size": 10.0}, 2.0, 90.0, {"factor": "spot:EUR", "replace": 1.0}, 20.0 * (132.0 - 90.0)),
        # Quanto: paid in B (20) per point of the index; the mark falls by half.
        ({"mark_price": 132.0, "settle": "B", "payoff": "quanto"}, -3.0, None, {"factor": "spot:X", "relative": -0.5}, 3.0 * 66.0 * 20.0),
        # Spot is worth its price. An entry price changes nothing.
        ({"kind": "spot", "mark_price": 130.0}, 2.0, 1.0, {"factor": "spot:X", "relative": 0.1}, 2.0 * 143.0),
        # Basis: perpetual 2 % under spot.
        ({"mark_price": 132.0}, 1.0, None, {"factor": "basis:*", "absolute": -0.02}, -2.64),
        # A shifted price that may be negative moves additively: 5 less 45.
        ({"underlying": "N", "mark_price": 5.0}, 2.0, None, {"factor": "spot:N", "replace": -41.0}, -2.0 * 45.0),
    ],
)
def test_values_of_positions(columns: Row, quantity: float, entry: float | None, shock: Row, value: float) -> None:
    instrument = {"instrument_id": "I", "kind": "perpetual", "underlying": "X", "quote": "USD", "margin_schedule": "m", **columns}
    result = run(
        {
            "assets": [
                {"asset": "X", "price": 132.0, "collateral_schedule": "none"}, {"asset": "EUR", "price": 1.1, "collateral_schedule": "none"},
                {"asset": "B", "price": 20.0, "collateral_schedule": "none"}, {"asset": "N", "price": 4.0, "may_be_negative": True},
            ],
            "instruments": [instrument],
            "positions": [{"account_id": "a", "instrument_id": "I", "quantity": quantity, "entry_price": entry}],
        },
        {"margin_schedules": {"m": flat(0.01)}},
        [shocked("now", shock)],
    )  # fmt: skip
    assert result.accounts["a", "now"]["equity"] == pytest.approx(value)


def test_lots_net_by_sums_and_keep_their_profit_at_a_net_of_zero() -> None:
    lots = [
        {"account_id": "a", "instrument_id": "X-P", "quantity": quantity, "entry_price": entry} for quantity, entry in ((3.0, 100.0), (-3.0, 110.0))
    ]
    result = run(
        {"assets": [{"asset": "X", "price": 105.0}], "instruments": [perpetual("X", 105.0)], "positions": lots},
        {"margin_schedules": {"m": flat(0.5)}},
        [shocked("crash", {"factor": "spot:X", "relative": -0.9})],
    )
    for scenario in ("base", "crash"):
        assert result.accounts["a", scenario]["equity"] == pytest.approx(30.0)
        assert result.accounts["a", scenario]["maintenance_margin"] == 0.0


def test_a_bond_moves_with_its_rate_then_with_its_spot_shock() -> None:
    # 100 * (1 - 5 * 0.01 + 30 * 0.01^2 / 2) = 95.15; times 0.9.
    bond = {"price": 100.0, "rate": 0.03, "duration": 5.0, "convexity": 30.0}
    shocks = [{"factor": "rate:T", "absolute": 0.01}, {"factor": "spot:T", "relative": -0.1}]
    assert balance(NO_HAIRCUT, bond, 1.0, *shocks) == pytest.approx(95.15 * 0.9)


def test_black_76_textbook_value() -> None:
    # Hull, Options, Futures and Other Derivatives, Black's model: F = K = 20, 4 months, 25 %, 9 %: put 1.12 (= call, at the money).
    for w in (1.0, -1.0):
        assert round(price(Option(w, 20.0, inverse=False, normal=False), 20.0, 0.25, 4.0 / 12.0, math.exp(-0.09 * 4.0 / 12.0)), 2) == 1.12


def test_bachelier_at_the_money() -> None:
    # sigma * sqrt(T / (2 pi))
    assert price(Option(1.0, -5.0, inverse=False, normal=True), -5.0, 30.0, 0.25, 1.0) == pytest.approx(15.0 / math.sqrt(2.0 * math.pi))


@given(
    st.floats(-2.0, 2.0), st.floats(0.05, 2.0), st.floats(0.003, 2.0), st.sampled_from([-1.0, 1.0]), st.booleans(), st.floats(0.9, 1.0),
)  # fmt: skip
def test_implied_vol_gives_the_price_back(deviations: float, vol: float, years: float, w: float, inverse: bool, discount: float) -> None:
    option = Option(w, 100.0 * math.exp(deviations * vol * math.sqrt(years)), inverse, normal=False)
    mark = price(option, 100.0, vol, years, discount)
    low, high = bounds(option, 100.0, discount)
    assert low <= mark <= high
    found = implied_vol(option, mark, 100.0, years, discount)
    assert found is not None
    assert found == pytest.approx(vol, rel=1e-9)


def test_against_quantlib() -> None:
    quantlib = pytest.importorskip("QuantLib")
    for w, kind in ((1.0, quantlib.Option.Call), (-1.0, quantlib.Option.Put)):
        for strike in (60.0, 99.0, 100.0, 140.0):
            for deviation in (0.01, 0.2, 1.1):
                lognormal, normal = (price(Option(w, strike, False, is_normal), 100.0, deviation, 1.0, 0.97) for is_normal in (False, True))
                assert lognormal == pytest.approx(quantlib.blackFormula(kind, strike, 100.0, deviation, 0.97), rel=1e-12, abs=1e-14)
                assert normal == pytest.approx(quantlib.bachelierBlackFormula(kind, strike, 100.0, deviation, 0.97), rel=1e-9, abs=1e-14)


CALL: Row = {
    "instrument_id": "C", "kind": "option", "underlying": "X", "quote": "USD", "option_type": "call", "strike": 110.0, "mark_price": 4.0,
    "margin_schedule": "s", "expiry": AS_OF.replace(year=2027),
}  # fmt: skip
SHORT: Row = {"short_option": {"maintenance": {"rate": 0.15, "minimum": 0.08}, "initial": {"rate": 0.20, "minimum": 0.10}, "base": "underlying"}}


@pytest.mark.parametrize(
    ("columns", "quantity", "model", "shock", "balance_", "maintenance", "initial"),
    [
        # Short call: 15 % of 100 less 10 out of the money = 5, at least 8 % of 100.
        ({}, -2.0, {}, [], -8.0, 16.0, 20.0),
        # In the money after a rise to 200: 30 and 40 a unit; its value is the balance.
        ({}, -2.0, {}, [{"factor": "spot:X", "replace": 200.0}], None, 60.0, 80.0),
        ({"option_type": "put", "strike": 90.0}, -1.0, {}, [], -4.0, 8.0, 10.0),
        # Minimum on the strike of a put: 8 % and 10 % of 90.
        ({"option_type": "put", "strike": 90.0, "margin_schedule": "k"}, -1.0, {}, [], -4.0, 7.2, 10.0),
        # Long: paid options need nothing and give nothing, unless credited; margined ones need what they are worth.
        ({}, 2.0, {}, [], 0.0, 0.0, 0.0),
        ({}, 2.0, {"long_option_credit": {"maintenance": 1.0, "initial": 0.5}}, [], 8.0, 0.0, 0.0),
        ({"premium_style": "margined"}, 2.0, {}, [], 0.0, 8.0, 8.0),
        ({"premium_style": "margined"}, 2.0, {"long_option_credit": {"maintenance": 1.0, "initial": 0.5}}, [], 0.0, 0.0, 4.0),
        # No rule for shorts in the schedule: tiers on cs * S; leverage does not touch options.
        ({"margin_schedule": "t"}, -2.0, {}, [], -8.0, 20.0, 40.0),
        # Margin rates of schedule and model multiply.
        ({}, -2.0, {}, [{"factor": "margin_rate:*", "scale": 1.5}, {"factor": "margin_rate:m", "scale": 2.0}], -8.0, 48.0, 60.0),
    ],
)
def test_options_in_the_balance_and_in_the_requirement(
    columns: Row, quantity: float, model: Row, shock: list[Row], balance_: float | None, maintenance: float, initial: float
) -> None:
    result = run(
        {
            "accounts": [{"account_id": "a", "margin_model": "m", "max_leverage": 1.5}],
            "assets": [{"asset": "X", "price": 100.0}],
            "instruments": [{**CALL, **columns}],
            "positions": [{"account_id": "a", "instrument_id": "C", "quantity": quantity}],
        },
        {
            "margin_schedules": {"s": SHORT, "k": {"short_option": {**SHORT["short_option"], "base": "strike"}}, "t": flat(0.1, 0.2)},
            "models": {"m": model},
        },
        [shocked("now", *shock)],
    )
    figures = result.accounts["a", "now"]
    assert (figures["maintenance_margin"], figures["initial_margin"]) == pytest.approx((maintenance, initial))
    if balance_ is not None:
        assert figures["margin_balance"] == pytest.approx(balance_)


@pytest.mark.parametrize(("horizon", "spot", "value"), [(1, 100.0, None), (365, 100.0, 0.0), (365, 130.0, 20.0), (400, 130.0, 20.0)])
def test_options_are_worth_their_intrinsic_value_from_expiry_on(horizon: int, spot: float, value: float | None) -> None:
    result = run(
        {
            "assets": [{"asset": "X", "price": 100.0}, {"asset": "USD", "price": 1.0, "rate": 0.05}],
            "instruments": [CALL],
            "positions": [{"account_id": "a", "instrument_id": "C", "quantity": 1.0}],
        },
        {},
        [{**shocked("later", {"factor": "spot:X", "replace": spot}), "decay": True, "horizon_days": horizon}],
    )
    equity = float(result.accounts["a", "later"]["equity"])
    if value is None:
        assert 3.9 < equity < 4.0
    else:
        assert equity == pytest.approx(value)


@pytest.mark.parametrize(
    ("columns", "shock", "value"),
    [
        # A mark below intrinsic value stays at base, and is lifted to the bound when anything moves.
        ({"strike": 50.0, "mark_price": 45.0}, {"factor": "spot:EUR", "relative": 0.1}, 45.0),
        ({"strike": 50.0, "mark_price": 45.0}, {"factor": "spot:X", "replace": 101.0}, 51.0),
        # No mark at all and no vol: worth what it is in the money.
        ({"strike": 110.0, "mark_price": 0.0}, {"factor": "spot:X", "replace": 130.0}, 20.0),
    ],
)
def test_marks_without_a_vol(columns: Row, shock: Row, value: float) -> None:
    result = run(
        {
            "assets": [{"asset": "X", "price": 100.0}, {"asset": "EUR", "price": 1.1}],
            "instruments": [{**CALL, **columns}],
            "positions": [{"account_id": "a", "instrument_id": "C", "quantity": 1.0}],
        },
        {},
        [shocked("now", shock)],
    )
    assert result.accounts["a", "now"]["equity"] == pytest.approx(value)


def test_netting_by_underlying_charges_spreads() -> None:
    # Per expiry: +10 * 100 July, -6 * 100 and +1 * 100 December: L = 1,000, H = 500. 10 % of 500 + 1 % of 500; leverage 2: 250.
    futures = [{**perpetual("X", 100.0, "unused"), "instrument_id": name, "kind": "future", "expiry": AS_OF.replace(month=month)}
               for name, month in (("J", 7), ("D", 12), ("D2", 12))]  # fmt: skip
    result = run(
        {
            "accounts": [{"account_id": "a", "margin_model": "m", "margin_multiplier": 1.5}],
            "assets": [{"asset": "X", "price": 100.0, "margin_schedule": "x"}],
            "instruments": futures,
            "positions": [
                {"account_id": "a", "instrument_id": name, "quantity": quantity, "leverage": leverage}
                for name, quantity, leverage in (("J", 10.0, 2.0), ("D", -6.0, None), ("D2", 1.0, 5.0))
            ],
        },
        {"margin_schedules": {"x": flat(0.1, 0.2)}, "models": {"m": {"net_by": "underlying", "spread_rate": 0.01}}},
    )
    figures = result.accounts["a", "base"]
    assert figures["maintenance_margin"] == pytest.approx(1.5 * (50.0 + 5.0))
    assert figures["initial_margin"] == pytest.approx(1.5 * 250.0)


# ------------------------------------------------------------------ shocks


@pytest.mark.parametrize(
    ("shocks", "after"),
    [
        ([{"factor": "spot:A", "relative": -0.5}, {"factor": "spot:*", "relative": -0.1}], 50.0),  # the first of a type wins
        ([{"factor": "spot:*", "relative": -0.1}, {"factor": "spot:A", "relative": -0.5}], 90.0),
        # Half as much again is 150, ten more, twice that: 320.
        ([{"factor": "spot:A", "scale": 2.0}, {"factor": "spot:A", "absolute": 10.0}, {"factor": "spot:A", "relative": 0.5}], 320.0),
        ([{"factor": "spot:A", "replace": 7.0}, {"factor": "spot:*", "relative": -0.1}], 7.0),  # replace has the last word
        ([{"factor": "spot:B", "relative": -0.5}, {"factor": "vol:A", "relative": -0.5}], 100.0),
    ],
)
def test_composition_of_shifts(shocks: list[Row], after: float) -> None:
    a, b = composed(tuple(shocks), "spot", "A", lambda where: True, lambda shock: True)
    assert a * 100.0 + b == pytest.approx(after)


@pytest.mark.parametrize(
    ("where", "moved"),
    [
        (None, {"COIN", "CHAINED"}),  # all but the reporting currency, cash and stablecoins; CHAINED is priced in COIN
        ({"asset_class": "cash"}, {"EUR"}),
        ({"tags": ["stablecoin"]}, {"STABLE"}),
        ({"not_tags": ["stablecoin"]}, {"COIN", "CHAINED"}),
        ({"asset_class": "crypto"}, {"COIN", "STABLE", "CHAINED"}),
    ],
)
def test_what_a_star_means_for_spot(where: Row | None, moved: set[str]) -> None:
    assets = [
        {"asset": "USD", "price": 1.0, "asset_class": "cash"}, {"asset": "EUR", "price": 1.1, "asset_class": "cash"},
        {"asset": "STABLE", "price": 1.0, "asset_class": "crypto", "tags": ["stablecoin"]}, {"asset": "COIN", "price": 50.0, "asset_class": "crypto"},
        {"asset": "CHAINED", "price": 2.0, "asset_class": "other", "price_currency": "COIN"},
    ]  # fmt: skip
    shock = {"factor": "spot:*", "relative": -0.5, **({"where": where} if where else {})}
    tables = {
        "assets": [{**row, "collateral_schedule": "none"} for row in assets],
        "collateral": [{"account_id": row["asset"], "asset": row["asset"], "quantity": 1.0} for row in assets],
    }
    result = run(tables, {}, [shocked("now", shock)])
    assert {name for name in result.owner_of if result.accounts[name, "now"]["pnl"] != 0.0} == moved


def test_a_price_at_or_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="spot of T"):
        balance(NO_HAIRCUT, {"price": 1.0}, 1.0, {"factor": "spot:T", "absolute": -1.0})


def test_vol_shocks_shrink_with_the_term() -> None:
    # 80 % at 30 days becomes 0.8 * (30 / 91.25) ** 0.13 at a quarter of a year; scale shifts have no term.
    quarter = {**CALL, "strike": 100.0, "mark_price": price(Option(1.0, 100.0, False, False), 100.0, 0.5, 0.25, 1.0)}
    term = {"reference_days": 30, "power": 0.3, "power_long": 0.13, "min_days": 1}
    seconds = 0.25 * 31_536_000
    expiry = AS_OF.fromtimestamp(AS_OF.timestamp() + seconds, tz=AS_OF.tzinfo)
    result = run(
        {
            "assets": [{"asset": "X", "price": 100.0}],
            "instruments": [{**quarter, "expiry": expiry}],
            "positions": [{"account_id": "a", "instrument_id": "C", "quantity": 1.0}],
        },
        {},
        [shocked("up", {"factor": "vol:*", "relative": 0.8, "term": term}, {"factor": "vol:X", "scale": 1.1})],
    )
    vol = 0.5 * (1.0 + 0.8 * (30.0 / 91.25) ** 0.13) * 1.1
    assert result.accounts["a", "up"]["equity"] == pytest.approx(price(Option(1.0, 100.0, False, False), 100.0, vol, 0.25, 1.0))


# ------------------------------------------------------------------ owners


def cover_book(netting_group: str | None = None, owners: tuple[str, ...] = ("o1", "o2", "o3", "o4")) -> OracleResult:
    """Cascade note T20: losses by scenario and group [[80,20,10,0],[30,70,60,5],[10,15,90,85]], margin 20, 25, 30, 40."""
    losses = [(80.0, 20.0, 10.0, 0.0), (30.0, 70.0, 60.0, 5.0), (10.0, 15.0, 90.0, 85.0)]
    margins = (20.0, 25.0, 30.0, 40.0)
    return run(
        {
            "accounts": [{"account_id": f"a{n}", "owner_id": owner, "netting_group": netting_group} for n, owner in enumerate(owners)],
            "assets": [{"asset": f"X{n}", "price": 1_000.0} for n in range(4)],
            "instruments": [perpetual(f"X{n}", 1_000.0, f"m{n}") for n in range(4)],
            "positions": [{"account_id": f"a{n}", "instrument_id": f"X{n}-P", "quantity": 1.0} for n in range(4)],
        },
        {"margin_schedules": {f"m{n}": {"amount_per_contract": margin} for n, margin in enumerate(margins)}},
        [
            shocked(f"s{number}", *({"factor": f"spot:X{n}", "absolute": -loss} for n, loss in enumerate(row)))
            for number, row in enumerate(losses)
        ],
    )  # fmt: skip


def test_cover_n_takes_the_largest_losses_of_one_scenario() -> None:
    result = cover_book()
    losses = [[result.scenarios[f"s{n}"].owner_losses["stress_loss_over_margin"][f"o{k}"] for k in (1, 2, 3, 4)] for n in range(3)]
    assert losses == [pytest.approx(row) for row in ([60, 0, 0, 0], [10, 45, 30, 0], [0, 0, 60, 45])]
    assert [result.scenarios[f"s{n}"].cover("stress_loss_over_margin", 2) for n in range(3)] == pytest.approx([60.0, 75.0, 105.0])
    assert result.cover("stress_loss_over_margin", 1) == pytest.approx(60.0)
    assert result.cover("stress_loss_over_margin", 2) == pytest.approx(105.0)
    assert result.scenarios["s1"].cover("uncollateralised_loss", 2) == pytest.approx(130.0)


def test_accounts_of_one_owner_add_and_only_netting_groups_net() -> None:
    apart, together = (cover_book(group, ("o1", "o1", "o1", "o1")) for group in (None, "g"))
    # s2: max(0, 10-20) + max(0, 15-25) + 60 + 45 apart; together 200 - 115.
    assert apart.scenarios["s2"].owner_losses["stress_loss_over_margin"]["o1"] == pytest.approx(105.0)
    assert together.scenarios["s2"].owner_losses["stress_loss_over_margin"]["o1"] == pytest.approx(85.0)
    assert together.scenarios["s2"].owners_in_default == ("o1",)


def test_an_isolated_loss_counts_but_does_not_make_a_defaulter() -> None:
    isolated = {"margin_mode": "isolated", "isolated_margin": 10.0}
    result = run(
        {
            "assets": [{"asset": "X", "price": 100.0}],
            "instruments": [perpetual("X", 100.0)],
            "positions": [{"account_id": "a", "instrument_id": "X-P", "quantity": 1.0, **isolated}],
            "collateral": [{"account_id": "a", "asset": "USD", "quantity": 1_000.0}],
        },
        {"margin_schedules": {"m": flat(0.01)}},
        [shocked("crash", {"factor": "spot:X", "relative": -0.5})],
    )
    crash = result.scenarios["crash"]
    assert result.accounts["a", "crash"]["status"] == "default"
    assert result.accounts["a", "crash"]["uncollateralised_loss"] == pytest.approx(40.0)
    assert crash.owner_losses["uncollateralised_loss"]["a"] == pytest.approx(40.0)
    assert crash.owners_in_default == ()
    assert crash.newly_breached == 1


@pytest.mark.parametrize(("quantity", "k"), [(10.0, 0.5), (0.0, 1.0), (-1.0, 1.0)])
def test_margin_shrinks_with_the_collateral_that_backs_it(quantity: float, k: float) -> None:
    result = run(
        {
            "assets": [{"asset": "X", "price": 100.0}, {"asset": "T", "price": 10.0, "collateral_schedule": "t"}],
            "instruments": [perpetual("X", 100.0)],
            "positions": [{"account_id": "a", "instrument_id": "X-P", "quantity": 1.0}],
            "collateral": [{"account_id": "a", "asset": "T", "quantity": quantity}],
        },
        {"collateral_schedules": {"t": {"bands": [{"from": 0, "haircut": 0.0, "initial_haircut": 0.2}]}}, "margin_schedules": {"m": flat(0.1, 0.2)}},
        [shocked("crash", {"factor": "spot:*", "relative": -0.5})],
    )
    assert result.accounts["a", "crash"]["stress_loss_over_margin"] == pytest.approx(50.0 - k * 20.0)


def test_the_worst_scenario_is_the_first_of_equals_and_never_base() -> None:
    tables = {
        "assets": [{"asset": "X", "price": 100.0}],
        "instruments": [perpetual("X", 100.0)],
        "positions": [{"account_id": "a", "instrument_id": "X-P", "quantity": 1.0}],
    }
    fall = {"factor": "spot:X", "relative": -0.5}
    rise = shocked("up", {"factor": "spot:X", "relative": 0.5})
    scenarios = [rise, {**shocked("grid", fall), "family": "sensitivity"}, shocked("b", fall), shocked("c", fall)]
    result = run(tables, {"margin_schedules": {"m": flat(0.1)}}, scenarios)
    assert (result.worst["a"], result.worst_headline["a"]) == ("grid", "b")
    assert run(tables, {"margin_schedules": {"m": flat(0.1)}}, scenarios[:1]).worst["a"] == "up"
    assert run(tables, {"margin_schedules": {"m": flat(0.1)}}).worst["a"] is None


# ------------------------------------------------------------------ laws, on generated books


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_laws(seed: int) -> None:
    book = make_book(Path("unwritten"), seed)
    result = run_snapshot(snapshot_of(book.tables, AS_OF, book.reporting), book.margin, book.scenarios)
    for (account_id, scenario_id), figures in result.accounts.items():
        noise = 1e-9 * result.scale[account_id]
        parts = [pool for key, pool in result.pools.items() if (key[0], key[2]) == (account_id, scenario_id)]
        assert all(float(figures[name]) == pytest.approx(sum(float(pool[name]) for pool in parts), abs=noise) for name in MEASURES)
        assert all(math.isfinite(float(figures[name])) for name in MEASURES)
        assert figures["status"] == max((pool["status"] for pool in parts), key=lambda status: STATUSES.index(str(status)))
        base = result.accounts[account_id, "base"]
        assert float(figures["pnl"]) == pytest.approx(float(figures["equity"]) - float(base["equity"]), abs=noise)
        assert float(figures["pnl"]) == pytest.approx(float(figures["position_pnl"]) + float(figures["collateral_pnl"]), abs=noise)
    for scenario in result.scenarios.values():
        for basis in BASES:
            assert scenario.cover(basis, 1) <= scenario.cover(basis, 2) <= 2.0 * scenario.cover(basis, 1)
    # The order of rows means nothing.
    turned = {name: rows[::-1] for name, rows in book.tables.items()}
    again = run_snapshot(snapshot_of(turned, AS_OF, book.reporting), book.margin, book.scenarios)
    for key, figures in result.accounts.items():
        for name in MEASURES:
            assert float(again.accounts[key][name]) == pytest.approx(float(figures[name]), rel=1e-9, abs=1e-9 * result.scale[key[0]])


def test_generated_books_hold_everything() -> None:
    books = [make_book(Path("unwritten"), seed) for seed in range(60)]
    instruments = [row for book in books for row in book.tables["instruments"]]
    assert {row["kind"] for row in instruments} == {"spot", "future", "perpetual", "option"}
    assert {(row["kind"], row["payoff"]) for row in instruments} >= {("future", "inverse"), ("perpetual", "quanto"), ("option", "inverse")}
    options = [row for row in instruments if row["kind"] == "option"]
    assert {(row["premium_style"], row["payoff"]) for row in options} >= {("margined", "inverse"), ("margined", None), ("paid", "inverse")}
    assert {row["vol_type"] for row in options} == {"normal", None}
    positions = [row for book in books for row in book.tables["positions"]]
    assert {row["margin_mode"] for row in positions} == {"isolated", "cross", None}
    shocks = [shock for book in books for scenario in book.scenarios for shock in scenario["shocks"]]
    assert {shock["factor"].split(":")[0] for shock in shocks} == {"spot", "vol", "rate", "basis", "collateral", "haircut", "holding", "margin_rate"}
    assert {book.reporting for book in books} == {"USD", "EUR"}
    assert any("accounts" not in book.tables for book in books)


# ------------------------------------------------------------------ recorded accounts

needs_shared = pytest.mark.skipif(not (SHARED / "data").exists(), reason="the recorded accounts are not part of the repository")


@needs_shared
def test_hyperliquid_account() -> None:
    folder = SHARED / "data/hyperliquid_2026_01_14"
    expected = json.loads((folder / "expected.json").read_text())
    result = run_folder(folder)
    reported = expected["maintenance"]["hl_A01.00"]
    cross = result.pools["hl_A01.00", "cross", "base"]
    assert cross["maintenance_margin"] == pytest.approx(reported["cross"], abs=1e-3)
    assert cross["equity"] == pytest.approx(reported["equity_cross"], abs=1e-3)
    for case in expected["liquidation"]:
        pools = [pool for account, pool, _ in result.pools if account == case["account_id"]]
        pool = next(name for name in pools if name.startswith(case["instrument_id"])) if case["isolated"] else "cross"
        assert abs(excess(result, case["scenario_id"], case["account_id"], pool)) <= 1e-6 * case["notional"]


@needs_shared
def test_mango_account() -> None:
    folder = SHARED / "data/mango_2021_10_04"
    expected = json.loads((folder / "expected.json").read_text())["mango_account2"]
    figures = run_folder(folder).accounts["mango_account2", "base"]
    assert excess(run_folder(folder), "base", "mango_account2") == pytest.approx(expected["maint_health"], rel=1e-9)
    assert float(figures["margin_balance_initial"]) - float(figures["initial_margin"]) == pytest.approx(expected["init_health"], rel=1e-9)


@needs_shared
def test_deribit_chain_is_repriced_by_its_implied_vols() -> None:
    with (SHARED / "data/market/deribit_eth_options_2024-01-08.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = 0
    for row in rows:
        years = (float(row["expiry_ms"]) - float(row["timestamp_ms"])) / 31_536_000_000.0
        option = Option(1.0 if row["option_type"] == "C" else -1.0, float(row["strike"]), inverse=True, normal=False)
        forward, mark = float(row["underlying_price"]), float(row["mark_price"])
        vol = implied_vol(option, mark, forward, years, 1.0)
        if vol is not None:
            found += 1
            assert price(option, forward, vol, years, 1.0) == pytest.approx(mark, rel=1e-12)
    assert found > 0.9 * len(rows)
