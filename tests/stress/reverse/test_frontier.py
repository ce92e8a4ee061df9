"""What exhausts what stands behind defaults, by hand."""

from __future__ import annotations

from stresstest.stress.reverse.frontier import Behind, LargestLosses

# T20's third scenario: owners 2 and 3 lose 60 and 45 over their margins; 30 of a third added.
FOUND = LargestLosses((60.0, 45.0, 30.0), (2, 3, 1))


def test_losses_add_up_from_the_largest():
    assert [FOUND.of_the_largest(count) for count in (1, 2, 3, 4)] == [60.0, 105.0, 135.0, 135.0]


def test_defaulters_pay_no_assessment():
    # 50 from the owners 2, 3 and 7 (who is in nobody's way): 20, 10, 20.
    behind = Behind(60.0, 50.0, {2: 20.0, 3: 10.0, 7: 20.0})
    assert [behind.total(FOUND, count) for count in (1, 2, 3)] == [90.0, 80.0, 80.0]
    assert [behind.reading(FOUND, count, total=False).hit for count in (1, 2)] == [False, True]
    assert [behind.reading(FOUND, count, total=True).hit for count in (1, 2)] == [False, True]
    assert [Behind(100.0, 50.0, {}).reading(FOUND, count, total=True).hit for count in (2, 3)] == [False, False]


def test_who_loses_by_rounding_does_not_default():
    found = LargestLosses((60.0, 3e-8), (2, 3))
    assert found.defaulting(2) == (2,)
    assert Behind(50.0, 30.0, {2: 20.0, 3: 10.0}).total(found, 2) == 60.0


def test_the_smallest_set_is_of_the_largest():
    assert Behind(59.0, 0.0, {}).smallest_set(FOUND) == (2,)
    assert Behind(60.0, 0.0, {}).smallest_set(FOUND) == (2, 3)
    assert Behind(134.0, 0.0, {}).smallest_set(FOUND) == (2, 3, 1)
    assert Behind(135.0, 0.0, {}).smallest_set(FOUND) is None
    assert Behind(0.0, 0.0, {}).smallest_set(LargestLosses((), ())) is None
