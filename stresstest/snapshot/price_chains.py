"""Prices along the chains of price currencies: X of every asset, for the staging and for every state."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def along_chains(price: Floats, parent: npt.NDArray[np.integer], root: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """X_k = price_k * X_(price currency of k), X = 1 for the reporting currency; and which assets have one.

    Args:
        price: f64[assets] or f64[assets, states], in each asset's price currency.
        parent: code of the price currency of each asset; -1 = unknown.
        root: code of the reporting currency.

    Returns:
        X, NaN where a chain is broken or runs in a circle, and false for those in the second array.
    """
    value = np.full(price.shape, np.nan)
    value[root] = 1.0
    reached = np.zeros(len(parent), dtype=np.bool_)
    reached[root] = True
    # A round settles one link of every chain, and chains are short.
    while len(ready := np.flatnonzero(~reached & (parent >= 0) & reached[parent])):
        value[ready] = price[ready] * value[parent[ready]]
        reached[ready] = True
    return value, reached
