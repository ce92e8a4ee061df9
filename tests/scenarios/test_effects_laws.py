"""The law of lint: without a shock that has no effect every factor has the same value, and without any other some factor has another.

One exception: a shock without effect of its own is not told where another comes after it, as next of its type or as an earlier step that it
would undo, even if that one has no effect there either.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from scenarios.test_effects import BOOK, HAIRCUTS, NAMES, VOLS

from stresstest.scenarios.effects import shock_findings
from stresstest.scenarios.model import Shock
from stresstest.scenarios.resolve import resolve
from stresstest.scenarios.scenario_set import BASE, SHOCKS, Scenario, ScenarioSet

FACTORS: tuple[tuple[str, dict[str, Any]], ...] = (
    *((f"spot:{name}", {}) for name in ("*", "BTC", "ETH", "USDC", "WTI", "XXX")),
    *(("spot:*", {"where": where}) for where in ({"tags": ["major"]}, {"asset_class": ["crypto"]}, {"asset_class": ["fx"]})),
    *((f"vol:{name}", {}) for name in ("*", "BTC", "ETH", "WTI")),
    ("vol:*", {"where": {"option_type": ["put"]}}),
    *((f"collateral:{name}", {}) for name in ("*", "BTC")),
    *((f"haircut:{name}", {}) for name in ("*", "BTC", "USDC", "ETH")),
    *((f"holding:{name}", {}) for name in ("*", "BTC")),
    ("holding:*", {"where": {"location": ["bridge-x"]}}),
    *((f"margin_rate:{name}", {}) for name in ("*", "majors", "pm", "default")),
    *((f"depth:{name}", {}) for name in ("*", "BTC", "ETH")),
)


@st.composite
def shocks(draw: st.DrawFn) -> list[Shock]:
    """Up to seven shocks of a factor type or two, among them neutral ones. Sizes differ, so that no two do the same, and are small enough
    that no value is clamped."""
    kind = draw(st.sampled_from(("spot", "vol", "collateral", "haircut", "holding", "margin_rate", "depth")))
    among = [each for each in FACTORS if each[0].startswith(f"{kind}:")]
    found = []
    for number in range(draw(st.integers(1, 7))):
        factor, where = draw(st.sampled_from(among))
        size = 0.01 * (number + 1)
        shift, value = draw(st.sampled_from([("relative", -size), ("absolute", -size / 1000), ("scale", 1.0 - size), ("replace", 0.9 + size / 100),
                                             ("relative", 0.0), ("absolute", 0.0), ("scale", 1.0)]))  # fmt: skip
        if kind == "haircut" and shift == "absolute":
            value = abs(value)
        if kind == "vol" and shift == "absolute":
            value = abs(value)
        share = draw(st.sampled_from([None, 0.5, 0.0])) if shift == "replace" else None
        found.append(Shock.model_validate({"factor": factor, shift: value, "share": share, **where}))
    return found


def scenario_set(given: list[Shock]) -> ScenarioSet:
    rows = [each.row(1) for each in given]
    return ScenarioSet((BASE, Scenario("s", "s", "hypothetical", headline=True, last=len(rows))), pl.DataFrame(rows, schema=SHOCKS, orient="row"))


def values(given: list[Shock]) -> np.ndarray:
    """Everything that a book computes from the factors, in one row of numbers; NaN becomes a number, so that it equals itself."""
    resolved, _ = resolve(scenario_set(given), BOOK, NAMES)
    bands = ~HAIRCUTS.fixed
    parts = [
        resolved.spot[:, 1],
        VOLS.low * resolved.vol_scale[:, 1] + resolved.vol_shift[:, 1],
        resolved.collateral_ratio[:, 1],
        *((ends * resolved.haircut_scale[:, 1] + resolved.haircut_shift[:, 1])[bands] for ends in (HAIRCUTS.low, HAIRCUTS.high)),
        [resolved.holding_rows.get((asset, place), np.ones(2))[1] for asset in range(BOOK.assets.height) for place in (-1, 0, 1)],
        [resolved.margin_rate.get(name, np.ones(2))[1] for name in ("majors", "default", "pm")],
        [resolved.depth.get(code, np.full(2, depth or np.nan))[1] for code, depth in enumerate(BOOK.assets["depth"])],
    ]
    return np.nan_to_num(np.concatenate(parts), nan=-7.0)


@settings(max_examples=200, deadline=None)
@given(shocks())
def test_a_shock_is_told_if_nothing_changes_without_it(given: list[Shock]):
    told = {each.shock for each in shock_findings(scenario_set(given), BOOK, NAMES, {"haircut": HAIRCUTS, "vol": VOLS})}
    whole = values(given)
    silent = {number for number in range(len(given)) if np.array_equal(values(given[:number] + given[number + 1 :]), whole)}
    assert told <= silent
    for number in silent - told:
        others = {each.shift for each in given[number + 1 :]}, {each.shift for each in given}
        assert given[number].shift in others[0] or (given[number].shift in ("scale", "replace") and len(others[1]) > 1)
