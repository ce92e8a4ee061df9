"""Random small books that are short of margin, with what a cascade asks: `make_cascade(seed)`.

Linear, inverse and quanto perpetuals, spot, options paid in money and in coin, coins as collateral, debts, isolated pools, frozen locations,
accounts under portfolio margin, and an asset that may be negative. Thin margins and hard falls, so that about half of the accounts fail.
"""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oracle.reading import Row

EXPIRY = datetime(2027, 1, 20, 16, tzinfo=UTC)
COINS = ("A", "B")


def make_cascade(seed: int) -> dict[str, Any]:
    """`tables`, `scenarios`, `cascade` and sections of a margin file (`margin`), all as plain rows."""
    random = Random(seed)
    return {
        "tables": {
            "assets": assets(random), "instruments": instruments(random),
            **holdings(random, random.randint(3, 8), orders=random.random() < 0.3),
        },
        "scenarios": [shocks(random, name) for name in ("first", "second")],
        "cascade": terms(random),
        "margin": margin(random),
    }  # fmt: skip


def assets(random: Random) -> list[Row]:
    """Money in two currencies, two coins, a staked coin priced in one of them, and electricity."""
    return [
        {"asset": "USD", "price": 1.0, "asset_class": "cash", "collateral_schedule": "cash"},
        {"asset": "EUR", "price": 1.25, "asset_class": "cash", "collateral_schedule": "cash", "depth": 1e6},
        {"asset": "A", "price": 100.0, "asset_class": "crypto", "collateral_schedule": "coin", "margin_schedule": "tiers",
         "depth": random.choice([4e4, 1e5, 1e6]), "daily_volume": 2e5, "daily_vol": 0.03},
        {"asset": "B", "price": 20.0, "asset_class": "crypto", "collateral_schedule": "thin", "margin_schedule": "tiers",
         "depth": random.choice([3e4, 2e5, None]), "daily_volume": 1e5, "daily_vol": 0.05},
        {"asset": "SA", "price": 1.1, "price_currency": "A", "asset_class": "crypto", "collateral_schedule": "thin", "depth": 5e4,
         "daily_volume": 1e5, "daily_vol": 0.04},
        {"asset": "W", "price": 10.0, "asset_class": "commodity", "collateral_schedule": "coin", "margin_schedule": "tiers",
         "may_be_negative": True, "depth": 3e4, "daily_volume": 1e5, "daily_vol": 0.05},
    ]  # fmt: skip


def instruments(random: Random) -> list[Row]:
    """One of each kind."""

    def each(name: str, kind: str, underlying: str, quote: str, mark: float, **more: Any) -> Row:
        return {"instrument_id": name, "kind": kind, "underlying": underlying, "quote": quote, "mark_price": mark, "margin_schedule": "tiers", **more}

    option = {"expiry": EXPIRY, "implied_vol": 0.7}
    return [
        each("PA", "perpetual", "A", "USD", 100.2),
        each("PB", "perpetual", "B", "USD", 20.0, contract_size=5.0),
        each("PE", "perpetual", "A", "EUR", 80.0),
        each("IA", "perpetual", "A", "USD", 100.0, settle="A", payoff="inverse", contract_size=10.0),
        each("QB", "perpetual", "B", "USD", 20.0, settle="A", payoff="quanto", contract_size=0.01),
        each("SPOT", "spot", "A", "USD", 100.0),
        each("FW", "future", "W", "USD", 10.0, expiry=EXPIRY, contract_size=10.0),
        each("CA", "option", "A", "USD", 11.0, strike=105.0, option_type="call", **option),
        each("PUT", "option", "B", "USD", 2.0, strike=20.0, option_type="put", **{**option, "implied_vol": 0.9}),
        each("MA", "option", "A", "USD", 9.0, strike=95.0, option_type="put", premium_style="margined", **option),
        each("KA", "option", "A", "A", 0.1, strike=102.0, option_type="call", payoff="inverse", settle="A", **option),
    ]  # fmt: skip


SIZES = {
    "PA": 100.0, "PB": 100.0, "PE": 100.0, "IA": 1_000.0, "QB": 400.0, "SPOT": 60.0, "FW": 100.0, "CA": 100.0, "PUT": 400.0, "MA": 100.0, "KA": 100.0,
}  # fmt: skip
"""Contracts that are worth some ten thousand dollars."""


def holdings(random: Random, number: int, orders: bool) -> dict[str, list[Row]]:
    """Accounts with a few positions each and little beside them; some owe money or coins, some have been promised more than there is."""
    accounts: list[Row] = []
    positions: list[Row] = []
    collateral: list[Row] = []
    open_orders: list[Row] = []
    for count in range(number):
        name = f"N{count}"
        accounts.append(
            {"account_id": name, "owner_id": f"O{count // 2}", "margin_model": random.choice(["default", "default", "nets", "orders", "grid"])}
        )
        for instrument in random.sample(sorted(SIZES), random.randint(1, 4)):
            quantity = round(SIZES[instrument] * random.uniform(0.3, 1.5) * random.choice([1, 1, -1]), 2)
            row: Row = {"account_id": name, "instrument_id": instrument, "quantity": quantity, "entry_price": None}
            if instrument in ("PA", "PB") and random.random() < 0.2:
                row |= {"margin_mode": "isolated", "isolated_margin": round(random.uniform(300.0, 3_000.0), 2)}
            elif instrument not in ("SPOT", "CA", "PUT", "KA") and random.random() < 0.3:
                row["accrued_funding"] = round(random.uniform(-1.0, 1.0), 3)
            positions.append(row)
        collateral.append(
            {"account_id": name, "asset": "USD", "quantity": round(random.choice([1.0, 1.0, -0.5]) * random.uniform(500.0, 9_000.0), 2)}
        )
        for asset, size in (("EUR", 2_000.0), ("A", 40.0), ("B", 150.0), ("SA", 15.0)):
            if random.random() < 0.4:
                quantity = round(size * random.uniform(0.2, 1.2) * random.choice([1, 1, 1, -0.4]), 3)
                collateral.append({"account_id": name, "asset": asset, "quantity": quantity, "location": random.choice(["vault", "bridge"])})
        if orders and random.random() < 0.5:
            open_orders.append({"account_id": name, "instrument_id": "PA", "side": random.choice(["buy", "sell"]), "quantity": 10.0, "price": 99.0,
                                "reserved": random.choice([0.0, 200.0])})  # fmt: skip
    found = {"accounts": accounts, "positions": positions, "collateral": collateral}
    return found | ({"orders": open_orders} if open_orders else {})


def shocks(random: Random, name: str) -> Row:
    """A hard move of everything, now and then with frozen collateral, higher margins and thinner markets."""
    moves: list[Row] = [
        {"factor": "spot:A", "relative": round(random.choice([-1, -1, 1]) * random.uniform(0.02, 0.35), 4)},
        {"factor": "spot:B", "relative": round(random.choice([-1, -1, 1]) * random.uniform(0.02, 0.35), 4)},
        {"factor": "spot:W", "absolute": round(random.uniform(-14.0, 4.0), 3)},
    ]
    maybe: list[Row] = [
        {"factor": "vol:*", "scale": 1.4}, {"factor": "holding:*", "where": {"location": "bridge"}, "replace": 0.25},
        {"factor": "holding:A", "scale": 0.5}, {"factor": "collateral:B", "scale": 0.8}, {"factor": "haircut:SA", "absolute": 0.1},
        {"factor": "margin_rate:*", "scale": 1.3}, {"factor": "depth:*", "scale": 0.5}, {"factor": "spot:EUR", "relative": -0.03},
    ]  # fmt: skip
    return {"id": name, "family": "hypothetical", "shocks": [*moves, *(each for each in maybe if random.random() < 0.3)]}


def terms(random: Random) -> Row:
    """A section `cascade`."""
    impact = random.choice([
        {"kind": "linear"},
        {"kind": "exponential", "lambda": {"A": 0.0008, "B": 0.0001, "SA": 0.002, "W": 0.0001}},
        {"kind": "square_root", "y": 0.8},
        [{"kind": "linear", "assets": ["A"], "slope": {"A": 0.04}}, {"kind": "square_root", "assets": ["B", "SA"]}, {"kind": "linear"}],
        {"kind": "none"},
    ])  # fmt: skip
    policy = random.choice(["full", "full", "partial_to_target", "worst_first", "pro_rata"])
    return {
        "impact": impact,
        "policy": policy,
        **({"target_ratio": 0.12} if policy == "partial_to_target" else {}),
        "sequence": random.choice(["simultaneous", "simultaneous", "one_at_a_time"]),
        "collateral_order": random.sample(["settle", "haircut", "liquidity"], 3),
        "close_factor": random.choice([1.0, 1.0, 0.5]),
        "fees": random.choice([{}, {"liquidation": 0.005, "insurance_share": 0.5, "option_spread": 0.02, "collateral_bonus": 0.05}]),
        "max_rounds": 60,
        "halt_rounds": random.choice([0, 0, 2]),
        "detail": "all",
    }


def margin(random: Random) -> Row:
    """Schedules and models: tiers of two rates, nets by underlying, a grid."""
    tiers = [{"from": 0, "maintenance_rate": 0.05, "initial_rate": 0.1}, {"from": 8_000, "maintenance_rate": 0.08, "initial_rate": 0.16}]
    short = {"maintenance": {"rate": 0.1, "minimum": 0.05}, "initial": {"rate": 0.15, "minimum": 0.1}}
    bands = [{"from": 0, "haircut": 0.1}, {"from": 3_000, "haircut": 0.25}]
    return {
        "collateral_schedules": {
            "coin": {"bands": bands, "liability_weight": {"maintenance": 1.1, "initial": 1.2}},
            "thin": {"bands": [{"from": 0, "haircut": 0.3}]},
        },
        "margin_schedules": {"tiers": {"tiers": tiers, "short_option": short}},
        "models": {
            "default": {"kind": "tiered", "breach_at_equality": random.random() < 0.3},
            "nets": {"kind": "tiered", "net_by": "underlying", "pnl_into": "value", "spread_rate": 0.01},
            "orders": {"kind": "tiered", "orders": "worst_side"},
            "grid": {"kind": "portfolio", "grid": [{"spot": -0.15, "vol": 0.2}, {"spot": 0.15, "vol": -0.1}, {"spot": 0.0, "vol": 0.3}],
                     "long_option_credit": 1.0},
        },
    }  # fmt: skip
