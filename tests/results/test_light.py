from __future__ import annotations

import polars as pl
import pytest
from results.tables_for_tests import quality, scenario_summary

from stresstest.results.light import RULE, status_of

QUIET = {"scenario_id": "dip"}
BREACH = {"scenario_id": "drop", "accounts_newly_breached": 3}
DEFAULT = {"scenario_id": "crash", "owners_in_default": 1, "accounts_newly_breached": 2}
CELL = {"scenario_id": "cell", "headline": False, "owners_in_default": 9, "accounts_newly_breached": 9}


@pytest.mark.parametrize(
    ("scenarios", "checks", "excluded", "light", "reasons"),
    [
        ([QUIET], ["pass"], 0, "green", []),
        ([QUIET, CELL], [], 0, "green", []),
        ([QUIET, BREACH], [], 0, "amber", ["accounts fall below their maintenance margin in 1 of 2 headline scenarios, most (3) in drop"]),
        ([QUIET], ["warn", "pass"], 0, "amber", ["1 data check with a warning"]),
        ([QUIET], [], 2, "amber", ["2 accounts excluded, so totals are lower bounds"]),
        ([QUIET], ["fail"], 0, "red", ["1 data check failed"]),
        (
            [DEFAULT, QUIET],
            [],
            0,
            "red",
            [
                "owners default in 1 of 2 headline scenarios, most (1) in crash",
                "accounts fall below their maintenance margin in 1 of 2 headline scenarios, most (2) in crash",
            ],
        ),
    ],
)
def test_the_light_follows_its_rule(scenarios, checks, excluded, light, reasons):
    status = status_of(scenario_summary(*scenarios), quality(*checks), excluded)
    assert (status.light, list(status.reasons), status.rule) == (light, reasons, RULE)


UNJUDGED = "no headline scenario: nothing but the base was judged"


@pytest.mark.parametrize(
    ("base", "checks", "light", "found", "reasons"),
    [
        ({}, [], "amber", "no account is below its maintenance margin there", [UNJUDGED]),
        ({}, ["fail"], "red", "no account is below its maintenance margin there", ["1 data check failed", UNJUDGED]),
        # In default by an isolated pool: the owner is not.
        ({"accounts_default": 1}, [], "amber", "1 account is below its maintenance margin at base", [None, UNJUDGED]),
        ({"accounts_liquidation": 2, "accounts_default": 1}, [], "amber", "3 accounts are below their maintenance margin at base", [None, UNJUDGED]),
        (
            {"owners_in_default": 1, "accounts_default": 1},
            [],
            "red",
            "1 owner is in default at base",
            [None, "1 account is below its maintenance margin at base", UNJUDGED],
        ),
    ],
)
@pytest.mark.parametrize("scenarios", [[], [CELL]])
def test_without_headline_scenarios_the_base_is_judged_and_never_green(scenarios, base, checks, light, found, reasons):
    table = scenario_summary(*scenarios)
    table = table.with_columns(**{name: pl.when(pl.col("scenario_id") == "base").then(value).otherwise(name) for name, value in base.items()})
    status = status_of(table, quality(*checks), 0)
    assert status.light == light
    assert status.sentence == f"No headline scenario was run, so only the base was judged: {found}."
    assert list(status.reasons) == [found if reason is None else reason for reason in reasons]


def test_with_headline_scenarios_a_default_at_base_is_left_to_them():
    table = scenario_summary(QUIET).with_columns(owners_in_default=pl.when(pl.col("scenario_id") == "base").then(1).otherwise(0))
    assert status_of(table, quality(), 0).light == "green"


@pytest.mark.parametrize(
    ("scenarios", "sentence"),
    [
        ([QUIET], "No account falls below its maintenance margin in the one headline scenario that was not below it at base."),
        ([QUIET, BREACH], "No owner defaults; accounts fall below their maintenance margin in 1 of 2 headline scenarios."),
        ([DEFAULT, BREACH], "An owner defaults in 1 of 2 headline scenarios."),
    ],
)
def test_the_sentence_answers_first(scenarios, sentence):
    assert status_of(scenario_summary(*scenarios), quality(), 0).sentence == sentence


def test_reasons_call_scenarios_by_name():
    named = DEFAULT | {"name": "Black Thursday"}
    assert [reason.rpartition(" in ")[2] for reason in status_of(scenario_summary(named), quality(), 0).reasons] == ["Black Thursday"] * 2
