from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from results.tables_for_tests import account_summary

from stresstest.results.quality import grid_clamps, options, reconciliation, unshocked
from stresstest.scenarios.resolved import Resolved
from stresstest.valuation.unit_values import UnitValues

REPORTED = {"reported_equity": pl.Float64, "reported_initial_margin": pl.Float64, "reported_maintenance_margin": pl.Float64}


def reported(**equity: float | None) -> pl.DataFrame:
    rows = [
        {"account_id": name, "reported_equity": value, "reported_initial_margin": None, "reported_maintenance_margin": None}
        for name, value in equity.items()
    ]
    return pl.DataFrame(rows, schema={"account_id": pl.String} | REPORTED)


def computed(**equity: float) -> pl.DataFrame:
    return account_summary(*({"account_id": name, "equity": value, "gross_notional": 100.0} for name, value in equity.items()))


def test_figures_that_agree_pass_and_say_by_how_much():
    (check,) = reconciliation(computed(a=100.0, b=-5.0), reported(a=100.5, b=None), absolute=1.0, relative=0.0)
    assert (check.check, check.result, check.value, check.rows) == ("reconciliation of equity", "pass", 0.5, 0)


def test_figures_that_differ_warn_and_name_the_worst():
    (check,) = reconciliation(computed(a=100.0, b=50.0, c=1.0), reported(a=103.0, b=60.0, c=1.0), absolute=1.0, relative=0.0)
    assert (check.severity, check.result, check.value, check.rows, check.notional) == ("warning", "warn", 10.0, 2, 200.0)
    assert "b: 50.00 computed, 60.00 reported" in check.message


def test_the_relative_tolerance_widens_with_the_figure():
    # 1e-3 of 1,000,000 is 1,000: a difference of 900 passes, one of 1,100 does not.
    assert reconciliation(computed(a=1_000_900.0), reported(a=1_000_000.0), 1.0, 1e-3)[0].result == "pass"
    assert reconciliation(computed(a=1_001_100.0), reported(a=1_000_000.0), 1.0, 1e-3)[0].result == "warn"


def test_nothing_reported_nothing_checked():
    assert reconciliation(computed(a=1.0), reported(a=None), 1.0, 0.0) == []


def resolved(*ids: str, **changes: np.ndarray) -> Resolved:
    scenarios = len(ids)
    one, none = np.ones((2, scenarios)), np.zeros((2, scenarios))
    arrays = {"spot": one, "value": one, "rate": none, "basis": none, "vol_scale": one, "vol_shift": none, "collateral_ratio": one}
    arrays |= {"haircut_scale": one, "haircut_shift": none, "elapsed_years": np.zeros(scenarios)}
    given = {"option_codes": np.zeros(0, np.int32), "holding_rows": {}, "margin_rate": {}, "depth": {}}
    return Resolved(ids=ids, **{**arrays, **given, **changes})


def units(slope: list[list[float]], treatment: tuple[str, ...] = ("mark", "mark"), clamped_vols: int = 0) -> UnitValues:
    value = np.array(slope)
    zero = np.zeros_like(value)
    return UnitValues(value, value, zero, value, zero, np.zeros(len(value)), treatment, np.array([clamped_vols]), 0)


def test_the_share_of_unshocked_notional_is_stated_per_headline_scenario():
    # Instrument 0 (notional 300) falls, instrument 1 (notional 100) stays: a quarter is left as it is.
    crash, shift = unshocked(
        resolved("base", "crash", "shift"), units([[1.0, 0.7, 1.0], [1.0, 1.0, 2.0]]), np.array([300.0, 100.0]), ["crash", "shift"]
    )
    assert (crash.subject, crash.result, crash.value, crash.notional, crash.rows) == ("crash", "pass", 0.25, 100.0, 1)
    assert shift.value == 0.75


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({}, "warn"),
        ({"margin_rate": {"majors": np.array([1.0, 1.5])}}, "pass"),
        ({"holding_rows": {(0, 0): np.array([1.0, 0.0])}}, "pass"),
        ({"depth": {0: np.array([1e6, 5e5])}}, "pass"),
        # NaN: the asset has no depth, whatever a shock makes of it.
        ({"depth": {0: np.array([np.nan, np.nan])}}, "warn"),
        ({"depth": {0: np.array([np.nan, 5e5])}}, "pass"),
    ],
)
def test_a_scenario_that_changes_nothing_at_all_warns(changes, result):
    (check,) = unshocked(resolved("base", "typo", **changes), units([[1.0, 1.0]]), np.array([50.0]), ["typo"])
    assert (check.result, check.value) == (result, 1.0)


def test_options_without_a_vol_are_counted():
    book = units([[1.0], [1.0], [1.0]], ("mark", "implied", "constant offset"), clamped_vols=3)
    offset, intrinsic, vols, prices = options(book, np.array([0.0, 90.0, 10.0]))
    assert (offset.result, offset.rows, offset.notional) == ("warn", 1, 10.0)
    assert (intrinsic.result, intrinsic.rows) == ("pass", 0)
    assert (vols.rows, prices.rows) == (3, 0)
    assert options(book, np.array([0.0, 9_999.0, 1.0]))[0].result == "pass"


def test_a_book_without_options_says_nothing_of_them():
    assert options(units([[1.0]], ("mark",)), np.array([1.0])) == []


def test_vols_and_option_prices_that_a_margin_grid_holds_at_their_bounds_are_told_model_by_model() -> None:
    several, no_prices, none, prices = grid_clamps({"pm": (1_200, 0), "house": (0, 7)})
    assert (several.check, several.subject, several.result, several.rows) == ("clamps", "vols in the grid of model pm", "pass", 1_200)
    assert several.message == "1,200 vols in rows of the grid were held at [0, 10]."
    assert none.message == "No clamp was needed: all vols in rows are inside [0, 10]."
    assert (prices.subject, prices.rows, prices.value) == ("option prices in the grid of model house", 7, 7.0)
    assert prices.message == "7 option prices in rows of the grid were held at their no-arbitrage bounds."
    assert no_prices.message == "No clamp was needed: all option prices in rows are inside their no-arbitrage bounds."
