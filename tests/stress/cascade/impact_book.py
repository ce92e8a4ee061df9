"""Assets and scenarios for tests of the market: literal tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from stresstest.config import Cascade
from stresstest.scenarios.resolved import DepthMove, Resolved
from stresstest.snapshot.book import Dimensions

_COLUMNS: dict[str, Any] = {
    "price": (pl.Float64, 1.0), "price_currency": (pl.String, "USD"), "may_be_negative": (pl.Boolean, False),
    "daily_volume": (pl.Float64, None), "daily_vol": (pl.Float64, None), "depth": (pl.Float64, None),
}  # fmt: skip


def dimensions(**assets: dict[str, Any]) -> Dimensions:
    """A book of these assets and USD, the reporting currency; what is not given has the default of `tables`, sorted by name."""
    rows = {"USD": {"price": 1.0}, **assets}
    table = pl.DataFrame(
        [{"asset": name, **{column: rows[name].get(column, default) for column, (_, default) in _COLUMNS.items()}} for name in sorted(rows)],
        schema={"asset": pl.String, **{column: kind for column, (kind, _) in _COLUMNS.items()}},
    )
    empty = pl.DataFrame()
    return Dimensions(datetime(2026, 1, 1, tzinfo=UTC), "USD", table, empty, empty, empty, empty, empty)


def states(book: Dimensions, *spots: dict[str, float], depth: dict[str, tuple[list[float], list[float]]] | None = None) -> Resolved:
    """Base and a scenario for each mapping of shocked prices; `depth`: scale and shift of an asset's depth in every scenario, base included."""
    names = book.assets["asset"].to_list()
    base = dict(zip(names, book.assets["price"].to_list(), strict=True))
    spot = np.array([[price.get(name, base[name]) for price in ({}, *spots)] for name in names])
    none = np.zeros((0, spot.shape[1]))
    return Resolved(
        ids=("base", *(f"s{number}" for number in range(1, len(spots) + 1))),
        spot=spot, value=spot, rate=spot * 0.0, basis=none, option_codes=np.zeros(0, np.int32), vol_scale=none, vol_shift=none,
        collateral_ratio=spot * 0.0 + 1.0, haircut_scale=spot * 0.0 + 1.0, haircut_shift=spot * 0.0, holding_rows={}, margin_rate={}, depth={},
        elapsed_years=np.zeros(spot.shape[1]),
        depth_moves={names.index(name): DepthMove(np.array(scale), np.array(shift)) for name, (scale, shift) in (depth or {}).items()},
    )  # fmt: skip


def cascade(*impacts: dict[str, Any], **keys: Any) -> Cascade:
    """A section `cascade` with these impacts."""
    return Cascade.model_validate({"impact": list(impacts) or [{"kind": "linear"}], **keys})
