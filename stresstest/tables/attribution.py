"""Why figures changed: the tables of the attribution."""

from __future__ import annotations

from typing import Literal, get_args

from stresstest.tables.model import Column, Table

_MONEY = "reporting currency"

AttributionKind = Literal[
    "price",
    "vol",
    "rate",
    "basis",
    "time",
    "fx",
    "collateral_price",
    "holding_loss",
    "haircut",
    "not_counted",
    "requirement",
    "margin_parameters",
    "residual",
]
"""What a change of margin balance less maintenance margin may come from, in the order in which it is told."""
ATTRIBUTION_KINDS: tuple[AttributionKind, ...] = get_args(AttributionKind)


ATTRIBUTION_WORDS = {
    "price": "price",
    "vol": "volatility",
    "rate": "rates",
    "basis": "basis",
    "time": "time",
    "fx": "currencies",
    "collateral_price": "collateral price",
    "holding_loss": "collateral lost",
    "haircut": "haircuts",
    "not_counted": "profit not counted",
    "requirement": "requirement",
    "margin_parameters": "margin parameters",
    "residual": "rounding",
}
"""The same for people."""


def _id(name: str, doc: str) -> Column:
    return Column(name, "string", doc, nullable=False)


_ATTRIBUTED = (
    Column("kind", "string", "what made the change", nullable=False, choices=ATTRIBUTION_KINDS),
    Column(
        "subject",
        "string",
        "price, vol, basis, time, not_counted: underlying; rate, fx, collateral_price, holding_loss, haircut: asset; requirement: risk group; "
        "margin_parameters: schedule or model; null: all together",
    ),
    Column("amount", "float", "part of the change of margin balance less maintenance margin; negative = it took away", _MONEY, nullable=False),
)
ATTRIBUTION = Table(
    "attribution",
    "Why margin balance less maintenance margin changed from base, of the worst accounts in their own worst headline scenario.",
    (_id("owner_id", "the owner"), _id("account_id", "the account"), _id("scenario_id", "the scenario"), *_ATTRIBUTED),
    key=("account_id", "kind", "subject"),
)
ATTRIBUTION_POSITIONS = Table(
    "attribution_positions",
    "What each factor did to the positions of the accounts in `detail`, in their own worst headline scenario; the six effects add up to the change.",
    (
        _id("owner_id", "the owner"),
        _id("account_id", "the account"),
        _id("pool_id", "the margin pool"),
        _id("scenario_id", "the scenario"),
        _id("instrument_id", "the instrument"),
        _id("underlying", "asset that it follows"),
        Column("price", "float", "effect of the underlying's price", _MONEY, nullable=False),
        Column("vol", "float", "effect of vols", _MONEY, nullable=False),
        Column("rate", "float", "effect of rates", _MONEY, nullable=False),
        Column("basis", "float", "effect of forward or perpetual against spot", _MONEY, nullable=False),
        Column("time", "float", "effect of time that passes", _MONEY, nullable=False),
        Column("fx", "float", "effect of the currencies of price, quote and settlement", _MONEY, nullable=False),
        Column("value_change", "float", "stressed value less base value", _MONEY, nullable=False),
        Column("requirement_change", "float", "change of its maintenance requirement; null: none of its own", _MONEY),
    ),
    key=("account_id", "pool_id", "instrument_id"),
)
ATTRIBUTION_SUMMARY = Table(
    "attribution_summary",
    "Why margin balance less maintenance margin of the whole book changed from base to the worst headline scenario of the run.",
    (_id("scenario_id", "the scenario"), *_ATTRIBUTED),
    key=("scenario_id", "kind", "subject"),
)

ATTRIBUTION_TABLES: tuple[Table, ...] = (ATTRIBUTION, ATTRIBUTION_POSITIONS, ATTRIBUTION_SUMMARY)
