from __future__ import annotations

from math import log, sqrt

import numpy as np
import polars as pl
import pytest
from margin.explain_case import Row

from stresstest.margin.explain.grid_vols import row_vols
from stresstest.margin.rulebook import PortfolioModel

SKEW: Row = {"linear": {"base": 0.1, "slope": 0.2}, "absolute": {"base": 0.05}, "width": 2.0, "static": 0.4, "scale": 0.1, "min_width": 0.01}


def vols(grid: list[Row], *options: tuple[float, float, float], shift: float = 0.0, normal: bool = False, **model: object) -> list[float]:
    """What the only row makes of options of a vol, a strike against a forward of 100, and years to expiry."""
    checked = PortfolioModel.model_validate({"kind": "portfolio", "grid": grid, **model})
    frame = pl.DataFrame(
        [
            {"risk_group": "BTC", "row": 0, "vol": vol, "forward": 100.0, "strike": strike, "years": years, "normal": normal}
            for vol, strike, years in options
        ]
    )
    found = row_vols(frame.cast({"row": pl.Int32}), checked, {"BTC": np.array([shift])})
    return found["row_vol"].to_list()


def test_relative_and_absolute_shifts() -> None:
    assert vols([{"vol": 0.4}], (0.5, 100.0, 0.1), shift=0.4) == pytest.approx([0.7])
    assert vols([{"vol": 0.4}], (0.5, 100.0, 0.1), shift=0.4, vol_shift="absolute") == pytest.approx([0.9])


def test_term_by_days_to_expiry() -> None:
    term = {"reference_days": 30, "power": 0.5, "power_long": 0.25, "min_days": 2}
    days = (0.5, 7.5, 30.0, 480.0)
    found = vols([{"vol": 0.4}], *((0.5, 100.0, each / 365.0) for each in days), shift=0.4, vol_term=term)
    # The roots of 15 and 4, none, and the fourth root of a sixteenth.
    assert found == pytest.approx([0.5 * (1.0 + 0.4 * size) for size in (sqrt(15.0), 2.0, 1.0, 0.5)])


def test_floor_where_vols_rise() -> None:
    assert vols([{"vol": 0.4}], (0.1, 100.0, 0.1), shift=0.4, vol_floor={"up": 0.3}) == pytest.approx([0.3])
    assert vols([{"vol": -0.4}], (0.1, 100.0, 0.1), shift=-0.4, vol_floor={"up": 0.3}) == pytest.approx([0.06])


def test_vols_stay_in_their_range() -> None:
    assert vols([{"vol": 3.0}], (5.0, 100.0, 0.1), shift=3.0) == [10.0]
    assert vols([{"vol": 3.0}], (5.0, 100.0, 0.1), shift=3.0, normal=True) == [20.0]
    assert vols([{"vol": -2.0}], (0.5, 100.0, 0.1), shift=-2.0) == [0.0]


def test_skew_shifts_by_strike() -> None:
    # T = 0.25: linear cap 0.1 + 0.2 * 0.5 = 0.2; k_star = 2 * 0.5 * (0.4 + 0.1 * 0.5) = 0.45
    strikes = (80.0, 100.0, 120.0, 200.0, 10.0)
    options = [(0.5, strike, 0.25) for strike in strikes]
    linear = [-0.2 * log(100 / 80) / 0.45, 0.0, 0.2 * log(1.2) / 0.45, 0.2, -0.2]
    assert vols([{"skew": "linear"}], *options, skew=SKEW) == pytest.approx([0.5 * (1.0 + shift) for shift in linear])
    absolute = [0.05 * log(100 / 80) / 0.45, 0.0, 0.05 * log(1.2) / 0.45, 0.05, 0.05]
    assert vols([{"skew": "absolute"}], *options, skew=SKEW) == pytest.approx([0.5 * (1.0 + shift) for shift in absolute])


def test_a_cap_below_zero_lowers_vols() -> None:
    falling = {**SKEW, "absolute": {"base": -0.1}}
    # k_star at T = 0 is 0.01: |k| * cap / k_star is lower than cap as soon as |k| is above it
    assert vols([{"skew": "absolute"}], (0.5, 100.5, 0.0), (0.5, 102.0, 0.0), skew=falling) == pytest.approx(
        [0.5 * 0.9, 0.5 * (1.0 - 0.1 * log(1.02) / 0.01)]
    )
