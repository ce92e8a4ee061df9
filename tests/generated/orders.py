"""Open orders for a generated book: perpetuals, futures, options and spot markets, some with funds set aside."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from generated.rules import pair

if TYPE_CHECKING:
    from generated.books import BookSpec


def with_orders(book: BookSpec) -> BookSpec:
    """The same book with orders, and two models that count them; nothing in it is refused."""
    random = Random(f"{book.seed}:orders")
    models: dict[str, Any] = book.margin["models"]
    for name in ("default", "edge"):
        assert models[name].get("net_by", "instrument") == "instrument"
        models[name] |= {"orders": "worst_side", "order_amount": pair(random, 0.0, 2.0)}
    assets = {row["asset"]: row for row in book.tables["assets"]}
    instruments = {row["instrument_id"]: row for row in book.tables["instruments"] if row.get("margin_schedule") is not None or row["kind"] == "spot"}
    holders = sorted({row["account_id"] for row in book.tables["positions"]})
    orders = []
    for account in holders:
        held = sorted({row["instrument_id"] for row in book.tables["positions"] if row["account_id"] == account} & instruments.keys())
        for _ in range(random.randint(0, 4)):
            instrument = instruments[random.choice(held if held and random.random() < 0.5 else list(instruments))]
            side, quantity = random.choice(["buy", "sell"]), random.choice([1.0, random.uniform(0.1, 20.0)])
            price = instrument["mark_price"] * random.choice([1.0, random.uniform(0.9, 1.15)])
            given = instrument["underlying"] if instrument["kind"] == "spot" and side == "sell" else instrument.get("settle") or instrument["quote"]
            may = assets.get(given, {}).get("collateral_schedule") is not None
            orders.append(
                {
                    "account_id": account,
                    "instrument_id": instrument["instrument_id"],
                    "side": side,
                    "quantity": quantity,
                    "price": price,
                    "reserved": random.choice([None, 0.0, quantity, quantity * abs(price)]) if may else None,
                }
            )
    book.tables["orders"] = orders
    return book
