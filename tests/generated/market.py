"""Random assets and instruments: every kind and payoff, chains of currencies, a price that may be negative."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from oracle.options import bounds, price
from oracle.reading import Row, Snapshot, snapshot_of
from oracle.shocks import BASE, resolve, years_to_expiry
from oracle.valuation import base_forward, discount_factor, option_terms

AS_OF = datetime(2026, 3, 31, 16, 0, tzinfo=UTC)
EXPIRY_DAYS = (2.0, 7.0, 30.0, 91.0, 400.25)
COINS = ("BTC", "ETH", "STETH")
HELD = ("USD", "EUR", "JPY", "USDT", "USDC", "BTC", "ETH", "STETH", "BOND")
"""Assets that are money, collateral or settlement; the others are only followed."""
FOLLOWED = ("SPX", "EUIX", "GOLD", "WTI")


def make_assets(random: Random, reporting: str) -> dict[str, Row]:
    """Assets by name. Prices chain up to three deep: STETH in ETH, ETH in USDT, USDT in the reporting currency."""

    def about(value: float) -> float:
        return value * random.uniform(0.8, 1.25)

    def asset(name: str, price_: float, currency: str | None = None, **columns: Any) -> Row:
        rate = random.choice([None, 0.0, random.uniform(-0.01, 0.06)])
        return {"asset": name, "price": price_, "price_currency": currency, "rate": rate, **columns}

    other = "EUR" if reporting == "USD" else "USD"
    coin_currency = random.choice(["USDT", None, other])
    rows = [
        asset("JPY", about(0.0067), asset_class="cash"),
        asset(other, about(1.08), asset_class="cash"),
        asset("USDT", random.choice([1.0, 0.9991]), asset_class="crypto", tags=["stablecoin"]),
        asset("USDC", random.choice([1.0, 1.0003]), asset_class="crypto", tags=["stablecoin", "regulated"]),
        asset("BTC", about(60_000.0), coin_currency, asset_class="crypto"),
        asset("ETH", about(3_000.0), random.choice(["USDT", None]), asset_class="crypto", tags=["proof-of-stake"]),
        asset("STETH", about(1.0), "ETH", asset_class="crypto", tags=["staked"]),
        asset("BOND", about(0.95), random.choice([None, other]), asset_class="rates", duration=random.uniform(1.0, 8.0)),
        asset("SPX", about(5_000.0), random.choice([None, other]), asset_class="equity"),
        asset("EUIX", about(4_000.0), other, asset_class="equity"),
        asset("GOLD", about(2_000.0), asset_class="commodity", tags=["metal"]),
        asset("WTI", random.choice([random.uniform(-20.0, 5.0), 60.0]), random.choice([None, other]), asset_class="commodity", may_be_negative=True),
    ]
    if random.random() < 0.5:
        rows[7]["convexity"] = random.uniform(0.0, 80.0)
    if random.random() < 0.7:
        rows.insert(0, asset(reporting, 1.0, asset_class="cash"))
    return {row["asset"]: row for row in rows}


def moments(random: Random) -> datetime:
    """A moment of expiry; the same few, so that futures and options meet."""
    return AS_OF + timedelta(days=random.choice(EXPIRY_DAYS))


def make_instruments(
    random: Random, assets: dict[str, Row], reporting: str, schedules: tuple[str, ...], option_schedules: tuple[str, ...]
) -> dict[str, Row]:
    """Instruments by id, with marks near (spot, futures) or of (options) the model."""
    snapshot = draft(assets, reporting)
    base = resolve(snapshot, BASE, {})
    monies = [name for name in (reporting, "EUR", "USD", "JPY", "USDT", "USDC") if name in snapshot.assets]
    rows: dict[str, Row] = {}
    for number in range(random.randint(3, 14)):
        kind = random.choice(["spot", "future", "perpetual", "perpetual", "option", "option"])
        payoffs = {"spot": ["linear"], "option": ["linear", "linear", "inverse"]}.get(kind, ["linear", "linear", "inverse", "quanto"])
        payoff = random.choice(payoffs)
        underlying = random.choice(COINS if payoff == "inverse" else (*COINS, "BOND") if kind == "spot" else (*COINS, *FOLLOWED))
        row: Row = {
            "instrument_id": f"{underlying}-{kind[:4].upper()}-{number}",
            "kind": kind,
            "underlying": underlying,
            "quote": random.choice(monies),
            "settle": random.choice([None, None, random.choice(HELD)]),
            "payoff": payoff if payoff != "linear" else random.choice([None, "linear"]),
            "contract_size": random.choice([None, 1.0, 0.01, 10.0]),
            "risk_group": random.choice([None, None, "metals"]) if underlying == "GOLD" else None,
            "margin_schedule": random.choice(option_schedules if kind == "option" else schedules),
        }
        if row["settle"] is not None and row["settle"] not in snapshot.assets:
            row["settle"] = None
        if kind == "spot" and random.random() < 0.6:
            row["margin_schedule"] = None
        if kind in ("future", "option"):
            row["expiry"] = moments(random)
        if payoff == "inverse":
            row["settle"] = underlying
            row["quote"] = underlying if kind == "option" else snapshot.assets[underlying]["price_currency"]
            row["contract_size"] = random.choice([1.0, 100.0]) if kind != "option" else random.choice([None, 0.1])
        ratio = base.value[underlying] / base.value[row["quote"]]
        if kind == "option":
            row["mark_price"] = 0.0
            make_option(random, row)
        elif snapshot.assets[underlying]["may_be_negative"]:
            row["mark_price"] = ratio + random.uniform(-2.0, 2.0)
        else:
            row["mark_price"] = ratio * random.choice([1.0, random.uniform(0.97, 1.03)])
        rows[row["instrument_id"]] = row
    price_options(random, assets, reporting, rows)
    return rows


def make_option(random: Random, row: Row) -> None:
    """Terms of an option, but strike and mark, which need the forward."""
    row["option_type"] = random.choice(["call", "put"])
    row["strike"] = 1.0
    row["exercise"] = random.choice([None, "european"])
    row["premium_style"] = random.choice([None, "paid", "margined"])
    row["vol_type"] = "normal" if row["underlying"] == "WTI" or (row["payoff"] != "inverse" and random.random() < 0.15) else None


def price_options(random: Random, assets: dict[str, Row], reporting: str, rows: dict[str, Row]) -> None:
    """Strikes within 2.5 standard deviations, marks of the model; some marks without a vol that gives them."""
    snapshot = draft(assets, reporting, rows)
    base = resolve(snapshot, BASE, {})
    for name, row in rows.items():
        if row["kind"] != "option":
            continue
        if random.random() < 0.25:
            plain = base_forward(snapshot, snapshot.instruments[name], base)
            row["forward"] = plain + random.uniform(-0.5, 0.5) if row["underlying"] == "WTI" else plain * random.uniform(0.98, 1.03)
            snapshot.instruments[name]["forward"] = row["forward"]
        instrument = snapshot.instruments[name]
        forward = base_forward(snapshot, instrument, base)
        years = years_to_expiry(snapshot, instrument)
        vol = random.uniform(0.15, 1.2)
        deviations = random.choice([0.0, random.uniform(-2.5, 2.5)])
        if row["vol_type"] == "normal":
            vol *= max(1.0, 0.3 * abs(forward))
            row["strike"] = forward + deviations * vol * math.sqrt(years)
        else:
            row["strike"] = forward * math.exp(deviations * vol * math.sqrt(years))
        instrument["strike"] = row["strike"]
        option = option_terms(draft(assets, reporting, {**rows, name: row}), base)[name].option
        discount = discount_factor(snapshot, instrument, base)
        low, high = bounds(option, forward, discount)
        row["mark_price"] = price(option, forward, vol, years, discount)
        if random.random() < 0.2:
            # No vol gives these: nothing at all, below intrinsic value, above the upper bound.
            row["mark_price"] = random.choice([0.0, low * 0.9, high * 1.05 if math.isfinite(high) else 0.0])
            row["implied_vol"] = random.choice([None, vol])
        elif random.random() < 0.5:
            row["implied_vol"] = vol * random.uniform(0.9, 1.1)


def draft(assets: dict[str, Row], reporting: str, instruments: dict[str, Row] | None = None) -> Snapshot:
    """A snapshot without holdings, nulls filled in, to price with."""
    return snapshot_of({"assets": list(assets.values()), "instruments": list((instruments or {}).values())}, AS_OF, reporting)
