"""Random accounts, positions and collateral: lots that cancel, isolated pools, borrows, locations, nulls."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from generated.market import HELD, draft
from generated.rules import MODELS
from generated.shocks import LOCATIONS
from oracle.shocks import BASE, resolve
from oracle.valuation import option_terms, value_instruments

if TYPE_CHECKING:
    from oracle.reading import Row


SEGMENTS = ("desk", None, "retail", "")
"""In turn, so that they take nothing from the stream of random numbers; the first account always has one."""


def make_accounts(random: Random, count: int | None = None) -> list[Row]:
    """One to ten accounts (or `count`) of one to six owners, some of which net their accounts."""
    owners = [f"owner-{letter}" for letter in "abcdef"[: random.randint(1, 6)]]
    rows = []
    for number in range(count or random.randint(1, 10)):
        owner = random.choice([*owners, None])
        rows.append(
            {
                "account_id": f"acc-{number:05d}",
                "owner_id": owner,
                "segment": SEGMENTS[number % len(SEGMENTS)],
                "netting_group": f"{owner}-net" if owner and random.random() < 0.4 else None,
                "margin_model": random.choice([None, *MODELS]),
                "margin_multiplier": random.choice([None, 1.0, random.uniform(0.5, 2.0)]),
                "max_leverage": random.choice([None, None, random.uniform(2.0, 50.0)]),
            }
        )
    random.shuffle(rows)
    return rows


def make_holdings(
    random: Random, accounts: list[Row], assets: dict[str, Row], instruments: dict[str, Row], reporting: str
) -> tuple[list[Row], list[Row]]:
    """Positions and collateral, sized so that some accounts are sound, some called and some under water."""
    snapshot = draft(assets, reporting, instruments)
    base = resolve(snapshot, BASE, {})
    notional = {name: max(priced.notional, 1e-9) for name, priced in value_instruments(snapshot, base, base, option_terms(snapshot, base)).items()}
    positions: list[Row] = []
    collateral: list[Row] = []
    money = [name for name in HELD if name in assets]
    for account in accounts:
        gross = 0.0
        pools = [None, "cross"]
        for _ in range(random.randint(0, 6)):
            name = random.choice(list(instruments))
            row = make_lot(random, account["account_id"], instruments[name], notional[name])
            amount = abs(row["quantity"]) * notional[name]
            gross += amount
            if random.random() < 0.25:
                isolate(random, row, amount / base.value[snapshot.instruments[name]["settle"]])
                pools.append(row["pool_id"])
            positions.append(row)
            if random.random() < 0.15:
                # A second lot at another price that takes the net to zero: only its P&L is left.
                positions.append({**row, "quantity": -row["quantity"], "entry_price": moved(random, instruments[name]), "pool_id": row["pool_id"]})
                positions[-1]["pool_id"] = same_pool(row)
                row["pool_id"] = same_pool(row)
        for _ in range(random.randint(0, 4)):
            asset = random.choice(money)
            worth = (gross + 1_000.0) * random.choice([0.01, 0.05, 0.1, 0.3, 1.0]) * random.choice([1.0, 1.0, 1.0, -0.4])
            quantity = worth / base.value[asset]
            collateral.append(
                {
                    "account_id": account["account_id"],
                    "asset": asset,
                    "quantity": round(quantity, 4) if random.random() < 0.5 else quantity,
                    "location": random.choice([None, *LOCATIONS]),
                    "pool_id": random.choice(pools) if random.random() < 0.3 else None,
                }
            )
    if not positions:
        positions.append(make_lot(random, accounts[0]["account_id"], instruments[min(instruments)], notional[min(instruments)]))
    random.shuffle(positions)
    return positions, collateral


def make_lot(random: Random, account_id: str, instrument: Row, notional: float) -> Row:
    """One cross lot of a notional between a hundred and five million."""
    size = 10.0 ** random.uniform(2.0, 6.7) / notional
    if random.random() < 0.3 and size > 1.0:
        size = float(round(size))
    return {
        "account_id": account_id,
        "instrument_id": instrument["instrument_id"],
        "quantity": size * random.choice([1.0, -1.0]),
        "entry_price": random.choice([None, instrument["mark_price"], moved(random, instrument), moved(random, instrument)]),
        "margin_mode": random.choice([None, "cross"]),
        "isolated_margin": None,
        "pool_id": random.choice([None, "cross"]),
        "leverage": random.choice([None, None, random.uniform(1.0, 100.0)]),
        "accrued_funding": random.choice([None, 0.0, random.uniform(-50.0, 50.0)]) if instrument["kind"] == "perpetual" else None,
    }


def moved(random: Random, instrument: Row) -> float:
    """An entry price away from the mark; positive where the mark is."""
    return float(instrument["mark_price"] * random.uniform(0.7, 1.3) + (random.uniform(-3.0, 3.0) if instrument["underlying"] == "WTI" else 0.0))


def isolate(random: Random, row: Row, settle_units: float) -> None:
    """Move a lot into an isolated pool with a margin of its own."""
    row["margin_mode"] = "isolated"
    row["isolated_margin"] = settle_units * random.choice([0.0, 0.02, 0.1, 0.5])
    row["pool_id"] = random.choice([None, None, "iso-1"])


def same_pool(row: Row) -> str | None:
    """The pool of a lot, named, so that a lot of the other side can share it."""
    if row["margin_mode"] == "isolated" and row["pool_id"] is None:
        return f"iso-{row['instrument_id']}"
    return str(row["pool_id"]) if row["pool_id"] is not None else None
