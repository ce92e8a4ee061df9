"""Targets as text, and when they are hit."""

from __future__ import annotations

import numpy as np
import pytest

from stresstest.errors import Reason, StressTestError
from stresstest.stress.reverse.targets import AccountStates, BookStates, Target, account_readings, book_readings, parse_target


def test_every_kind_is_read():
    texts = ("shortfall:A:1", "default:B", "accounts-in-shortfall:3", "accounts-in-default:1", "cover-1", "cover-2:1e6", "uncollateralised-loss:0")
    assert [parse_target(text) for text in texts] == [
        Target("shortfall", "A:1"),
        Target("default", "B"),
        Target("accounts-in-shortfall", None, 3.0),
        Target("accounts-in-default", None, 1.0),
        Target("cover-1"),
        Target("cover-2", None, 1_000_000.0),
        Target("uncollateralised-loss", None, 0.0),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cover2", "Did you mean `cover-2`?"),
        ("nonsense", "Targets: shortfall:ACCOUNT"),
        ("default", "names no account"),
        ("accounts-in-default:0", "1 or more"),
        ("accounts-in-shortfall:two", "1 or more"),
        ("cover-2:nan", "at least zero"),
        ("cover-1:-5", "at least zero"),
        ("uncollateralised-loss:lots", "at least zero"),
    ],
)
def test_what_is_no_target_is_refused(text: str, says: str):
    with pytest.raises(StressTestError) as refused:
        parse_target(text)
    assert refused.value.reason is Reason.USAGE
    assert says in str(refused.value)


def test_thresholds_are_those_of_the_run():
    assert parse_target("cover-2").settled(60.0, 25.0).threshold == 60.0
    assert parse_target("uncollateralised-loss").settled(60.0, 25.0).threshold == 25.0
    assert parse_target("cover-2:7").settled(60.0, 25.0).threshold == 7.0
    assert parse_target("default:A").settled(None, 0.0).threshold is None


def test_an_amount_that_was_asked_for_is_not_called_the_resources_of_the_run():
    assert parse_target("cover-2:30000").settled(60.0, 25.0).words() == "the two largest owner losses (Cover-2) exceed 30,000.00"
    assert parse_target("cover-1").settled(60.0, 25.0).words() == "the largest owner loss (Cover-1) exceeds the resources of 60.00"
    assert parse_target("uncollateralised-loss").settled(60.0, 25.0).words().endswith(" of all accounts exceeds the insurance fund of 25.00")
    assert parse_target("uncollateralised-loss:0").settled(60.0, 25.0).words().endswith(" of all accounts exceeds 0.00")
    assert parse_target("cover-2").words().endswith("exceed the resources")


def test_one_account_is_told_as_one():
    assert parse_target("accounts-in-default:1").words() == "1 account is in default"
    assert parse_target("accounts-in-shortfall:1000").words() == "1,000 accounts are short of their maintenance margin"


@pytest.mark.parametrize(("text", "resources"), [("cover-1", None), ("cover-2", 0.0), ("uncollateralised-loss", 60.0)])
def test_nothing_stated_cannot_be_exceeded(text: str, resources: float | None):
    with pytest.raises(StressTestError, match=r"states no (resources|insurance fund)"):
        parse_target(text).settled(resources, 0.0)


def test_an_account_is_judged_by_its_status():
    states = AccountStates(np.array([0.0, 0.0, 5.0, 90.0]), np.array([0.0, 0.0, 0.0, 40.0]), np.array([0, 1, 2, 3], dtype=np.int8))
    assert [(each.figure, each.hit) for each in account_readings(parse_target("shortfall:A"), states)] == [
        (0.0, False), (0.0, False), (5.0, True), (90.0, True),
    ]  # fmt: skip
    assert [each.hit for each in account_readings(parse_target("default:A"), states)] == [False, False, False, True]


def test_a_book_is_judged_by_counts_and_amounts():
    # T20's second and third scenario: losses over margin 45, 30 and 60, 45 of the two largest owners.
    states = BookStates(
        np.array([[9, 6], [1, 2], [1, 2], [0, 3]]), np.array([10.0, 20.0]), np.array([[45.0, 60.0], [30.0, 45.0]]), np.zeros((2, 2), dtype=np.int32)
    )

    def hits(text: str) -> list[tuple[float, bool]]:
        return [(each.figure, each.hit) for each in book_readings(parse_target(text), states)]

    assert hits("accounts-in-shortfall:2") == [(1.0, False), (5.0, True)]
    assert hits("accounts-in-default:3") == [(0.0, False), (3.0, True)]
    assert hits("cover-1:60") == [(45.0, False), (60.0, False)]
    assert hits("cover-2:75") == [(75.0, False), (105.0, True)]
    assert hits("uncollateralised-loss:10") == [(10.0, False), (20.0, True)]
