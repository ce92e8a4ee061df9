"""What balances of tokens count where weights follow their size, the venue's pool or conservative prices; as the kernels have it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.scaling import NEARLY
from stresstest.margin.kernels.tables import INITIAL_HAIRCUT, Tables

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]


class Weights(NamedTuple):
    """Of every token [n]: what its price is multiplied by as a deposit, what counts of a deposit besides the haircut and at most, and the weight
    of a debt, conservative price included."""

    low: Floats
    share: Floats
    most: Floats
    debt: Floats


def scaled_weights(tables: Tables, rows: Floats, asset: Codes, model: Codes, balance: Floats, column: int) -> Weights:
    """The weights of balances at a state.

    Args:
        tables: of a run.
        rows: every row of the tables at the state.
        asset: [n] code of each token.
        model: [n] code of its account's model.
        balance: [n] at spot, reporting currency.
        column: MAINTENANCE_HAIRCUT or INITIAL_HAIRCUT.
    """
    side = "initial" if column == INITIAL_HAIRCUT else "maintenance"
    terms = tables.assets[asset]
    conservative = tables.models[f"conservative_{side}"][model] != 0
    price = np.abs(rows[terms["price_row"]])
    size = np.sqrt(np.divide(np.abs(balance), price, out=np.zeros_like(balance), where=price > 0.0))
    growth, step = terms[f"{side}_growth"], terms["floor_to"]
    weight = terms[f"liability_{side}"] * rows[terms[f"borrows_{side}_row"]]
    grown = np.maximum(weight, _floored(terms["liability_share"] * weight + growth * size, step))
    return Weights(
        np.where(conservative, rows[terms["low_row"]], 1.0),
        rows[terms[f"deposits_{side}_row"]],
        _floored(terms["asset_numerator"] / (1.0 + growth * size), step),
        grown * np.where(conservative, rows[terms["high_row"]], 1.0),
    )


def _floored(figures: Floats, steps: Floats) -> Floats:
    """Rounded down to multiples of the steps, 0 = not; see `kernels.scaling`."""
    floored = figures.copy()
    stepped = steps > 0.0
    floored[stepped] = np.floor(figures[stepped] / steps[stepped] + NEARLY) * steps[stepped]
    return floored
