"""Headline figures, the way from one to the other, and accounts that changed."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stresstest.results.changed_accounts import COLUMNS, TOLERANCE, changed_accounts
from stresstest.results.changes import FIGURES, STEPS, WORDS, Known, Outcome, changes_frame, headline_figures, split, summed
from stresstest.results.store import polars_schema
from stresstest.tables import EXCLUDED, SCENARIO_SUMMARY

NAMES = [name for name, _ in FIGURES]


def figures(value: float | None) -> dict[str, float | None]:
    return dict.fromkeys(NAMES, value)


def scenarios(*rows: dict[str, Any]) -> pl.DataFrame:
    """Rows of scenario_summary with zeros where nothing is said."""
    schema = polars_schema(SCENARIO_SUMMARY)
    zeros = {name: 0 if kind.is_numeric() else None for name, kind in schema.items()}
    return pl.DataFrame([{**zeros, "family": "historical", "name": row["scenario_id"], "headline": True, **row} for row in rows], schema=schema)


def test_headline_figures_are_the_largest_over_headline_scenarios_and_the_base():
    summary = scenarios(
        {"scenario_id": "base", "headline": False, "equity": 9.0, "collateral_value": 8.0, "initial_margin": 2.0, "maintenance_margin": 1.0,
         "accounts_ok": 3, "margin_shortfall": 99.0},
        {"scenario_id": "mild", "margin_shortfall": 5.0, "uncollateralised_loss": 4.0, "cover_2_stress_loss_over_margin": 7.0, "accounts_call": 1},
        {"scenario_id": "bad", "margin_shortfall": 6.0, "uncollateralised_loss": 3.0, "cover_2_stress_loss_over_margin": 2.0, "accounts_default": 2},
        {"scenario_id": "aside", "headline": False, "margin_shortfall": 50.0},
    )  # fmt: skip
    found = headline_figures(summary, 11.0)
    assert list(found) == NAMES == list(WORDS)
    assert {name: value for name, value in found.items() if value} == {
        "worst_margin_shortfall": 6.0, "worst_uncollateralised_loss": 4.0, "cover_2_stress_loss_over_margin": 7.0, "worst_accounts_default": 2.0,
        "base_accounts_ok": 3.0, "base_equity": 9.0, "base_collateral_value": 8.0, "base_initial_margin": 2.0, "base_maintenance_margin": 1.0,
        "gross_notional": 11.0,
    }  # fmt: skip
    alone = headline_figures(summary.head(1), 11.0)
    assert alone["worst_margin_shortfall"] is alone["worst_accounts_ok"] is alone["cover_1_uncollateralised_loss"] is None
    assert alone["base_equity"] == 9.0


def test_sums_are_those_of_the_order_of_rows():
    assert summed(pl.Series([0.1, 0.2, 0.3])) == (0.1 + 0.2) + 0.3
    assert summed(pl.Series([], dtype=pl.Float64)) == 0.0


def test_a_step_starts_where_the_one_before_it_ended():
    outcomes = [
        Outcome("code version", "unchanged"),
        Outcome("positions", "measured", figures(13.0)),
        Outcome("collateral", "with the next", None, "refused"),
        Outcome("market", "unchanged"),
        Outcome("reference data", "measured", figures(11.0)),
    ]
    way = split(figures(10.0), outcomes, figures(11.0))[0]
    assert [(step.step, step.before, step.after, step.change) for step in way.steps] == [
        ("code version", 10.0, 10.0, 0.0),
        ("positions", 10.0, 13.0, 3.0),
        ("collateral", None, None, None),
        ("market", 13.0, 13.0, 0.0),
        ("reference data", 13.0, 11.0, -2.0),
    ]
    assert (way.before, way.after, way.change) == (10.0, 11.0, 1.0)


def test_where_a_step_is_not_known_levels_after_it_are_not_either():
    outcomes = [Outcome("code version", "unchanged"), Outcome("positions", "not known"), Outcome("collateral", "unchanged")]
    way = split(figures(10.0), outcomes, figures(12.0))[0]
    assert [(step.before, step.after, step.change) for step in way.steps] == [(10.0, 10.0, 0.0), (None, None, None), (None, None, 0.0)]
    assert way.change == 2.0


def test_a_figure_that_only_one_run_has_has_no_change():
    way = split(figures(None), [Outcome("scenario set", "measured", figures(5.0))], figures(5.0))[0]
    assert (way.before, way.after, way.change, way.steps[0].change) == (None, 5.0, None, None)


@given(st.lists(st.tuples(st.sampled_from(["measured", "unchanged", "with the next"]), st.integers(-1000, 1000)), min_size=1, max_size=7))
def test_measured_steps_add_up_to_the_change(steps: list[tuple[Known, int]]):
    outcomes = [
        Outcome(name, known, figures(float(level)) if known == "measured" else None) for name, (known, level) in zip(STEPS, steps, strict=False)
    ]
    outcomes.append(Outcome("rest", "measured", figures(3.0)))
    way = split(figures(1.0), outcomes, figures(3.0))[0]
    assert sum(step.change for step in way.steps if step.change is not None) == way.change == 2.0


def test_the_table_has_every_step_and_the_whole():
    frame = changes_frame(split(figures(1.0), [Outcome("positions", "measured", figures(4.0))], figures(4.0)))
    assert frame.height == 2 * len(FIGURES)
    rows = frame.filter(figure="gross_notional").select("place", "step", "known", "before", "after", "change").rows()
    assert rows == [(1, "positions", "measured", 1.0, 4.0, 3.0), (2, "total", "measured", 1.0, 4.0, 3.0)]


# ---------------------------------------------------------------- accounts


def accounts(*rows: tuple[str, str, float]) -> pl.DataFrame:
    """Accounts by id, status and margin shortfall in their worst headline scenario."""
    records = [
        {
            "owner_id": f"owner of {name}",
            "account_id": name,
            "name": None,
            "status": "ok",
            "margin_shortfall": 0.0,
            "uncollateralised_loss": 0.0,
            "worst_headline_scenario_id": "crash",
            "worst_headline_status": status,
            "worst_headline_margin_shortfall": shortfall,
            "worst_headline_uncollateralised_loss": 0.0,
        }
        for name, status, shortfall in rows
    ]
    kinds = {name: pl.Float64 if name.endswith(("shortfall", "loss")) else pl.String for name in COLUMNS}
    return pl.DataFrame(records, schema=kinds)


def left_out(*names: str) -> pl.DataFrame:
    return pl.DataFrame([{"owner_id": "o", "account_id": name, "reason": "r"} for name in names], schema=polars_schema(EXCLUDED))


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        (("ok", 0.0), ("ok", 0.0), None),
        (("call", 0.0), ("ok", 0.0), None),
        (("call", 0.0), ("liquidation", 5.0), "new"),
        (("liquidation", 5.0), ("call", 0.0), "cured"),
        (("liquidation", 5.0), ("liquidation", 5.0 + TOLERANCE), None),
        (("liquidation", 5.0), ("liquidation", 5.02), "worse"),
        (("liquidation", 5.0), ("liquidation", 4.98), "better"),
        (("liquidation", 5.0), ("default", 4.0), "worse"),
        (("default", 5.0), ("liquidation", 6.0), "better"),
    ],
)
def test_what_became_of_a_breach(then: tuple[str, float], now: tuple[str, float], expected: str | None):
    frame, breaches, presence = changed_accounts(accounts(("a", *then)), accounts(("a", *now)), left_out(), left_out())
    assert frame["breach"].to_list() == ([] if expected is None else [expected])
    assert sum(presence.model_dump().values()) == 0
    found = {kind: number for kind, number in breaches.model_dump().items() if number and kind not in ("before", "after")}
    assert found == ({expected: 1} if expected else {"unchanged": 1} if then[0] == "liquidation" else {})
    assert (breaches.before, breaches.after) == (int(then[0] in ("liquidation", "default")), int(now[0] in ("liquidation", "default")))


def test_accounts_that_only_one_run_has():
    before = accounts(("gone", "default", 7.0), ("out", "liquidation", 2.0), ("quiet", "ok", 0.0))
    after = accounts(("came", "liquidation", 3.0), ("back", "default", 4.0), ("quiet", "ok", 0.0))
    frame, breaches, presence = changed_accounts(before, after, left_out("back", "both"), left_out("out", "both", "never"))
    rows = {row["account_id"]: row for row in frame.to_dicts()}
    assert {name: (row["presence"], row["breach"]) for name, row in rows.items()} == {
        "back": ("back", "new"),
        "came": ("came", "new"),
        "gone": ("gone", "cured"),
        "never": ("excluded", "none"),
        "out": ("excluded", "not known"),
    }
    assert rows["gone"]["margin_shortfall_before"] == 7.0
    assert rows["gone"]["margin_shortfall_after"] is rows["gone"]["margin_shortfall_change"] is None
    assert rows["never"]["owner_id"] == "o"
    assert presence.model_dump() == {"came": 1, "gone": 1, "excluded": 2, "back": 1}
    assert breaches.model_dump() == {"before": 2, "after": 2, "new": 2, "cured": 1, "worse": 0, "better": 0, "unchanged": 0, "not_known": 1}


def test_without_headline_scenarios_accounts_are_judged_at_base():
    empty = [pl.lit(None).alias(name) for name in COLUMNS if name.startswith("worst_headline")]
    at_base = accounts(("a", "ok", 0.0)).with_columns(*empty, status=pl.lit("default"), margin_shortfall=pl.lit(6.0))
    frame, _, _ = changed_accounts(accounts(("a", "ok", 0.0)), at_base, left_out(), left_out())
    assert frame.select("breach", "scenario_id_after", "margin_shortfall_after").rows() == [("new", "base", 6.0)]
