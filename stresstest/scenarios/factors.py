"""Risk factor types and shift types: what may be shocked, how, and which filters make sense for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Shift = Literal["relative", "absolute", "scale", "replace"]
SHIFTS: tuple[Shift, ...] = get_args(Shift)
"""In the order in which they compose: x(1+v), x+v, x*v, v."""

_ASSET = ("asset", "not_asset", "asset_class", "tags", "not_tags", "may_be_negative")
_WITH_GROUP = (*_ASSET, "risk_group")


@dataclass(frozen=True)
class FactorType:
    """A type of risk factor.

    `named_after`: what its names are names of. `base`: its value before shocks, in words. `shifts`: shift types that
    mean something for it. `filters`: keys that `where` may have. `lowest`, `highest`: values outside are clamped.
    """

    name: str
    named_after: str
    base: str
    filters: tuple[str, ...]
    shifts: tuple[Shift, ...] = SHIFTS
    lowest: float | None = None
    highest: float | None = None


FACTOR_TYPES: dict[str, FactorType] = {
    each.name: each
    for each in (
        FactorType("spot", "asset", "price in its price currency", _WITH_GROUP),
        FactorType("vol", "underlying", "each option's vol", (*_WITH_GROUP, "option_type", "tenor_days", "log_moneyness"), lowest=0.0, highest=10.0),
        # A rate or a basis can be zero at base, where a factor would silently do nothing.
        FactorType("rate", "asset", "its rate", _ASSET, shifts=("absolute", "replace")),
        FactorType("basis", "instrument", "0", (*_WITH_GROUP, "kind", "tenor_days"), shifts=("absolute", "replace")),
        FactorType("collateral", "asset", "1", _ASSET, lowest=0.0),
        FactorType("haircut", "asset", "each band's", _ASSET, lowest=0.0, highest=1.0),
        FactorType("holding", "asset", "1", (*_ASSET, "location"), lowest=0.0, highest=1.0),
        FactorType("margin_rate", "margin schedule or model", "1", (), lowest=0.0),
        FactorType("depth", "asset", "its depth", _WITH_GROUP, lowest=0.0),
    )
}


def split_factor(factor: str) -> tuple[str, str]:
    """Type and name of a factor; the name may hold colons itself.

    >>> split_factor("spot:BTC")
    ('spot', 'BTC')
    """
    kind, _, name = factor.partition(":")
    return kind, name
