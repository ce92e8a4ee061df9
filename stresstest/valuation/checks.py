"""States at which instruments cannot be valued: refused with every scenario and instrument concerned."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def refuse_currencies(dimensions: Dimensions, resolved: Resolved) -> None:
    """Raises where the asset in which an instrument is quoted is worth nothing or less: prices in it mean nothing."""
    codes = dimensions.instruments["quote_code"].unique().sort().to_numpy()
    _refuse(
        resolved,
        dimensions.assets["asset"].gather(codes),
        ~(resolved.value[codes] > 0.0),
        "assets",
        "an asset in which instruments are quoted is worth zero or less",
        "Quote instruments in an asset whose price stays above zero, or change the shocks of the asset.",
    )


def refuse_values(instruments: pl.DataFrame, resolved: Resolved, mark: Floats, value_slope: Floats, forward: Floats) -> None:
    """Raises where an inverse contract's mark, or an inverse option's forward, is not above zero, or a value is no finite number.

    Inverse contracts are valued at 1 / mark, inverse options at price / forward.
    """
    inverse = instruments["payoff"] == "inverse"
    rows = inverse.arg_true().to_numpy()
    option = (instruments["kind"].filter(inverse) == "option").to_numpy()[:, None]
    _refuse(
        resolved,
        instruments["instrument_id"].filter(inverse),
        ~(np.where(option, forward[rows], mark[rows]) > 0.0),
        "instruments",
        "the mark of an inverse contract, or the forward of an inverse option, is zero or less, and its value is divided by it",
        "Change the shocks of its underlying or basis.",
    )
    _refuse(
        resolved,
        instruments["instrument_id"],
        ~(np.isfinite(mark) & np.isfinite(value_slope)),
        "instruments",
        "the value of an instrument is not a finite number",
        "Look for a price, strike, forward or shock out of any range.",
    )


def _refuse(resolved: Resolved, names: pl.Series, bad: Flags, table: str, what: str, hint: str) -> None:
    """One fault per scenario with a bad row; the base being bad is a fault of the data, not of a scenario."""
    faults = [
        Fault(
            what,
            hint,
            path=f"scenario {resolved.ids[scenario]}",
            table=table,
            rows=int(bad[:, scenario].sum()),
            keys=tuple(names.filter(pl.Series(bad[:, scenario])).head(5)),
        )
        for scenario in np.flatnonzero(bad.any(axis=0))
    ]
    if faults:
        raise StressTestError(Reason.INPUT_DATA if bad[:, 0].any() else Reason.SCENARIO, "some instruments cannot be valued", faults)
