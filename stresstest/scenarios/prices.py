"""Prices in reporting currency along the price currencies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.snapshot.book import Dimensions

Floats = npt.NDArray[np.float64]


def in_reporting_currency(dimensions: Dimensions, spot: Floats) -> Floats:
    """X_k = price_k * X_(price currency of k), X = 1 for the reporting currency.

    Args:
        dimensions: the book's dimension tables.
        spot: f64[assets, states], in each asset's price currency.

    Raises:
        StressTestError: price currencies that go round in a circle.
    """
    assets = dimensions.assets["asset"].to_list()
    code_of = {asset: code for code, asset in enumerate(assets)}
    parent = np.array([code_of[currency] for currency in dimensions.assets["price_currency"]], dtype=np.int64)
    value = np.ones_like(spot)
    done = np.zeros(len(assets), dtype=np.bool_)
    done[code_of[dimensions.reporting_currency]] = True
    while not done.all():
        ready = np.flatnonzero(~done & done[parent])
        if not len(ready):
            circle = tuple(asset for asset, is_done in zip(assets, done, strict=True) if not is_done)
            fault = Fault(
                "price currencies go round in a circle", "One of them must be priced in the reporting currency.",
                table="assets", column="price_currency", rows=len(circle), keys=circle[:5],
            )  # fmt: skip
            raise StressTestError(Reason.INPUT_DATA, "Prices cannot be converted to the reporting currency", [fault])
        value[ready] = spot[ready] * value[parent[ready]]
        done[ready] = True
    return value
