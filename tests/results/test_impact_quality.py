"""Data quality of a cascade: small arrays, figures counted by hand."""

from __future__ import annotations

import numpy as np

from stresstest.results.impact_quality import Traded, impact_checks

ASSETS = ("BTC", "ETH", "SOL")
SCENARIOS = ("base", "crash", "rally")
NOTIONAL = np.array([[0.0, 100.0, 0.0], [0.0, 2_500.0, 40.0], [0.0, 7.0, 3_000.0]])
NO = np.zeros((3, 3), dtype=np.bool_)
CAME_TO_REST = np.ones(3, dtype=np.bool_)


def told(converged: np.ndarray = CAME_TO_REST, **flags: np.ndarray) -> dict[str, tuple[str, str, int, float | None]]:
    traded = Traded(NOTIONAL, **{name: flags.get(name, NO) for name in ("missing", "floored", "exhausted")})
    checks = impact_checks(ASSETS, SCENARIOS, traded, converged, 50)
    return {each.check: (each.result, each.message, each.rows, each.notional) for each in checks}


def test_nothing_to_tell_says_what_was_checked():
    assert told() == {
        "cascade convergence": ("pass", "The cascade came to rest in all 3 scenarios.", 0, None),
        "market depth": ("pass", "Every asset that was traded has an impact, or is stated to have none.", 0, 0.0),
        "prices at their end": ("pass", "All prices that trading moved stayed between 1e-06 and 1,000,000 times the snapshot price.", 0, 0.0),
        "depth table exhausted": ("pass", "No order book was traded through to its end.", 0, 0.0),
    }


def test_a_cascade_that_is_broken_off_is_a_warning():
    result, message, rows, _ = told(np.array([True, False, False]))["cascade convergence"]
    assert (result, rows) == ("warn", 2)
    assert message == (
        "The cascade did not come to rest within 50 rounds in 2 of 3 scenarios: crash, rally. "
        "What is told of them is where it stood then; raise `cascade.max_rounds`."
    )


def test_missing_depth_counts_where_something_was_sold():
    # BTC has none at base alone, where nothing was sold; ETH and SOL have none anywhere. In rally 40 + 3,000 were sold, in crash 2,507.
    result, message, rows, notional = told(missing=np.array([[True, False, False], [True] * 3, [True] * 3]))["market depth"]
    assert (result, rows, notional) == ("warn", 2, 3_040.0)
    assert message == (
        "2 assets sold or bought without moving the price, because no parameter of the impact is known: SOL (up to 3,000, in rally), "
        "ETH (up to 2,500, in crash). State `cascade.impact`, or fill the columns that it needs."
    )


def test_prices_at_an_end_and_books_that_are_too_short():
    only = NO.copy()
    only[0, 1] = True
    found = told(floored=only, exhausted=only)
    assert found["prices at their end"][0] == "warn"
    assert found["prices at their end"][1].startswith("1 asset traded until the price was held at its floor or ceiling: BTC (up to 100, in crash).")
    assert found["depth table exhausted"][1].startswith("1 asset traded beyond the last level of the depth table: BTC (up to 100, in crash).")
