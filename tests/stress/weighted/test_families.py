"""Which weighted scenarios are told apart by chance alone."""

from __future__ import annotations

import pytest

from stresstest.stress.weighted.families import Stated, weighted_families


def test_families_by_id_and_horizon() -> None:
    found = weighted_families(
        [
            Stated("base", "base", 0.0, None),
            Stated("mc.1", "hypothetical", 1.0, 0.5),
            Stated("crash", "historical", 1.0, 0.03),
            Stated("mc.2", "hypothetical", 1.0, 1.5),
            Stated("mc.3", "hypothetical", 10.0, 1.0),
            Stated("dip", "historical", 1.0, 0.01),
            Stated("never", "historical", 1.0, 0.0),
            Stated("not_asked", "historical", 1.0, None),
        ]
    )
    assert [(each.name, each.horizon_days, each.scenarios.tolist()) for each in found] == [
        ("historical", 1.0, [2, 5]),
        ("mc", 1.0, [1, 3]),
        ("mc", 10.0, [4]),
    ]
    assert [each.weights.tolist() for each in found] == [[pytest.approx(0.75), pytest.approx(0.25)], [0.25, 0.75], [1.0]]
    assert [each.stated for each in found] == [pytest.approx(0.04), 2.0, 1.0]
    # One over the sum of a sixteenth and nine of them.
    assert [each.effective for each in found] == [pytest.approx(1.6), pytest.approx(1.6), 1.0]


def test_no_weights_no_families() -> None:
    assert weighted_families([Stated("base", "base", 0.0, None), Stated("a.1", "x", 1.0, 0.0)]) == ()


def test_weights_as_large_as_numbers_are() -> None:
    (found,) = weighted_families([Stated("a.1", "x", 1.0, 1.7e308), Stated("a.2", "x", 1.0, 1.7e308)])
    assert found.weights.tolist() == [0.5, 0.5]
