"""Prices in reporting currency along the price currencies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.snapshot.book import Dimensions
from stresstest.snapshot.price_chains import along_chains

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
    value, reached = along_chains(spot, parent, code_of[dimensions.reporting_currency])
    if not reached.all():
        circle = tuple(asset for asset, is_reached in zip(assets, reached, strict=True) if not is_reached)
        fault = Fault(
            "price currencies run in a circle", "Price one of them in the reporting currency.",
            table="assets", column="price_currency", rows=len(circle), keys=circle[:5],
        )  # fmt: skip
        raise StressTestError(Reason.INPUT_DATA, "prices cannot be converted to the reporting currency", [fault])
    return value
