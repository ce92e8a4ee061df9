"""Rates and weights that follow size, open interest, the venue's pools or conservative prices: settings for a generated book."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from generated.rules import pair

if TYPE_CHECKING:
    from generated.books import BookSpec
    from oracle.reading import Row

SCALED = ("by-size", "by-skew", "by-interest")
WEIGHTED = ("by-own-size", "by-pool", "limited")


def with_scalings(book: BookSpec) -> BookSpec:
    """The same book with schedules whose rates and weights follow something, in each of its models; nothing in it is refused."""
    random = Random(f"{book.seed}:scalings")
    _say_what_is_followed(random, book)
    models: dict[str, Any] = book.margin["models"]
    for name in ("default", "by-value", "edge"):
        if random.random() < 0.6:
            models[name]["conservative_prices"] = {key: random.random() < 0.6 for key in ("maintenance", "initial", "marks") if random.random() < 0.8}
    book.margin["margin_schedules"] |= {name: _margin_schedule(random, name) for name in SCALED}
    book.margin["collateral_schedules"] |= {name: _collateral_schedule(random, name) for name in WEIGHTED}
    for row in book.tables["instruments"]:
        if row.get("margin_schedule") is not None and random.random() < 0.8:
            row["margin_schedule"] = random.choice(SCALED)
    for row in book.tables["assets"]:
        if row.get("collateral_schedule") is not None and random.random() < 0.7:
            row["collateral_schedule"] = random.choice(WEIGHTED)
    return book


def _say_what_is_followed(random: Random, book: BookSpec) -> None:
    for row in book.tables["instruments"]:
        row["open_interest"] = random.choice([0.0, random.uniform(1.0, 500.0)])
        row["skew_scale"] = random.uniform(10.0, 1_000.0)
    for row in book.tables["assets"]:
        price = abs(row["price"]) or 1.0
        row["pool_deposits"] = random.uniform(0.0, 2e6) / price
        row["pool_borrows"] = random.uniform(0.0, 2e6) / price
        if row["asset"] != book.reporting and random.random() < 0.7:
            row["price_low"] = random.choice([None, price * random.uniform(0.8, 1.05)])
            row["price_high"] = random.choice([None, price * random.uniform(0.95, 1.2)])


def _margin_schedule(random: Random, name: str) -> Row:
    flat = {"maintenance_rate": random.uniform(0.0, 0.05), "initial_rate": random.uniform(0.05, 0.3)}
    tiers: list[Row] = [{"from": 0.0, **flat}]
    if name == "by-interest":
        rules: Row = {"open_interest_scaling": {"from": 10_000.0, "to": random.choice([50_000.0, 2e6])}}
        if random.random() < 0.3:
            tiers[0]["initial_rate"] = 1.2
    else:
        rules = {"convention": random.choice(["marginal", "whole"]), "basis": random.choice(["value", "contracts"])}
        edge = 8_000.0 if rules["basis"] == "value" else 6.0
        tiers.append({"from": edge, "maintenance_rate": flat["maintenance_rate"] * 1.5, "initial_rate": flat["initial_rate"] * 1.2})
    if name != "by-interest" or random.random() < 0.5:
        rules["size_scaling"] = {
            "growth": "skew" if name == "by-skew" else "square_root",
            "factor": pair(random, 0.0, 0.02),
            "rate_share": random.choice([0.8, 1.0]),
            "floor_to": random.choice([None, 0.0001]),
        }
    return {"tiers": tiers, **rules}


def _collateral_schedule(random: Random, name: str) -> Row:
    bands = [{"from": 0.0, "haircut": random.uniform(0.0, 0.2)}, {"from": 15_000.0, "haircut": 0.2, "initial_haircut": 0.4}]
    rules: Row = {"bands": bands, "liability_weight": pair(random, 1.0, 1.4)}
    if random.random() < 0.3:
        bands[1]["from"] = 1.5
        rules["basis"] = "quantity"
    if name == "limited":
        return {**rules, "cap": random.uniform(2.0, 10.0) if "basis" in rules else random.uniform(16_000.0, 1e5)}
    if name == "by-pool" or random.random() < 0.3:
        rules["concentration"] = {"deposits_above": pair(random, 1e5, 1e6), "borrows_above": {"initial": random.uniform(1e5, 1e6)}}
    if name == "by-own-size":
        rules["size_scaling"] = {
            "factor": pair(random, 0.0, 0.01),
            "asset_numerator": random.choice([1.0, 1.1]),
            "liability_share": random.choice([0.8, 1.0]),
            "floor_to": random.choice([None, 0.0001]),
        }
    return rules
