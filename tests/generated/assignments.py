"""Models that see the same book under different schedules: entries of `assign` and `assign_collateral` for a generated book."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from generated.rules import ASSET_SCHEDULES, COLLATERAL_SCHEDULES, OPTION_SCHEDULES, SCHEDULES

if TYPE_CHECKING:
    from generated.books import BookSpec
    from oracle.reading import Row

OF_ASSETS: tuple[Row, ...] = (
    {"asset": "BTC"}, {"not_asset": ["BTC", "ETH"]}, {"asset_class": "crypto"}, {"not_tags": "stablecoin"}, {"risk_group": ["BTC", "ETH"]},
    {"may_be_negative": True}, {"asset": "no such asset"},
)  # fmt: skip
OF_INSTRUMENTS: tuple[Row, ...] = (
    {"kind": ["perpetual", "future"]}, {"kind": "spot", "asset": "BTC"}, {"tenor_days": [0, 60], "kind": "future"}, {"tenor_days": [None, 20]},
)  # fmt: skip
OF_OPTIONS: tuple[Row, ...] = (
    {"kind": "option", "option_type": "put"}, {"log_moneyness": [-0.1, 0.1]}, {"kind": "option", "tenor_days": [40, None]},
)  # fmt: skip


def with_assignments(book: BookSpec, *, hedges: bool = False) -> BookSpec:
    """The same book, whose models give schedules of their own, in several ways and orders; nothing in it is refused.

    `hedges`: one of the models becomes a portfolio model with hedges.
    """
    random = Random(f"{book.seed}:assignments")

    def entries(key: str, wheres: tuple[Row, ...], schedules: tuple[str, ...], least: int = 1) -> list[Row]:
        chosen = random.sample(wheres, random.randint(least, len(wheres)))
        return [{"where": where, key: random.choice(schedules)} for where in chosen]

    models: dict[str, Any] = book.margin["models"]
    models["default"]["assign"] = entries("margin_schedule", (*OF_ASSETS, *OF_INSTRUMENTS), ASSET_SCHEDULES)
    models["default"]["assign_collateral"] = entries("collateral_schedule", OF_ASSETS, COLLATERAL_SCHEDULES)
    models["by-underlying"]["assign"] = [
        *entries("margin_schedule", (*OF_OPTIONS, *OF_ASSETS), ASSET_SCHEDULES),
        {"where": {"kind": "option"}, "margin_schedule": random.choice(OPTION_SCHEDULES)},
        {"margin_schedule": random.choice(ASSET_SCHEDULES)},
    ]
    models["by-value"]["assign"] = [
        *entries("margin_schedule", OF_OPTIONS, OPTION_SCHEDULES),
        *entries("margin_schedule", OF_INSTRUMENTS, SCHEDULES, least=0),
    ]
    models["by-value"]["assign_collateral"] = [{"collateral_schedule": random.choice(COLLATERAL_SCHEDULES)}]
    if hedges:
        models["edge"] = {
            "kind": "portfolio",
            "grid": [{"name": "down", "spot": -0.1}, {"name": "up", "spot": 0.1}],
            "hedges": random.sample(("BTC", "ETH", "USDC", "BOND"), 3),
            "haircut_and_grid": random.random() < 0.25,
            "assign_collateral": entries("collateral_schedule", OF_ASSETS, COLLATERAL_SCHEDULES),
        }
    return book
