from __future__ import annotations

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


def test_a_default_at_base_alone_is_not_a_headline_default():
    base_only = scenario_summary().with_columns(owners_in_default=1)
    assert status_of(base_only, quality(), 0).light == "green"


@pytest.mark.parametrize(
    ("scenarios", "sentence"),
    [
        ([], "No headline scenario was run: only the base is judged."),
        ([QUIET], "No account falls below its maintenance margin in any of 1 headline scenario that was not below it at base."),
        ([QUIET, BREACH], "No owner defaults; accounts fall below their maintenance margin in 1 of 2 headline scenarios."),
        ([DEFAULT, BREACH], "An owner defaults in 1 of 2 headline scenarios."),
    ],
)
def test_the_sentence_answers_first(scenarios, sentence):
    assert status_of(scenario_summary(*scenarios), quality(), 0).sentence == sentence
