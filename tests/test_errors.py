"""A refusal says everything wherever it is shown."""

from __future__ import annotations

import pickle

from stresstest.cli.faults import error_text
from stresstest.errors import Fault, Reason, StressTestError

REFUSED = StressTestError(
    Reason.CONFIGURATION,
    "run.yaml has 1 fault",
    [Fault("must be one of all, breaches, not 'al'", "Did you mean `all`?", file="run.yaml", line=7, path="keep")],
    "See `stresstest schema run`.",
)


def test_the_text_of_a_refusal_holds_its_faults_and_how_to_mend_them():
    assert str(REFUSED).splitlines() == [
        "run.yaml has 1 fault",
        "  - run.yaml:7, keep: must be one of all, breaches, not 'al'. Did you mean `all`?",
        "See `stresstest schema run`.",
    ]


def test_a_refusal_without_faults_is_its_summary():
    assert str(StressTestError(Reason.LOCKED, "another run is writing there")) == "another run is writing there"


def test_of_very_many_faults_the_text_counts_those_beyond_fifty():
    many = StressTestError(Reason.INPUT_DATA, "positions has 1,053 faults", [Fault(f"row {number} is bad") for number in range(1053)])
    lines = str(many).splitlines()
    assert (len(lines), lines[50], lines[51]) == (52, "  - row 49 is bad", "  and 1,003 more")


def test_the_command_line_says_each_fault_once_behind_the_reason():
    assert error_text(REFUSED) == f"configuration: {REFUSED}\n"


def test_a_refusal_crosses_process_borders_whole():
    again = pickle.loads(pickle.dumps(REFUSED))
    assert (str(again), again.faults, again.reason, again.exit_code) == (str(REFUSED), REFUSED.faults, Reason.CONFIGURATION, 2)
