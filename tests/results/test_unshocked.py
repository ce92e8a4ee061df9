from __future__ import annotations

import numpy as np

from stresstest.results.unshocked import unshocked_notional
from stresstest.valuation.unit_values import UnitValues


def test_what_is_worth_the_same_is_unshocked():
    # Three instruments, of which nobody holds the last; the second pays its cost in a currency that moves in scenario 2.
    value = np.array([[100.0, 90.0, 100.0], [5.0, 5.0, 5.0], [7.0, 7.0, 8.0]])
    cost = np.array([[-1.0, -1.0, -1.0], [-1.0, -1.0, -1.1], [0.0, 0.0, 0.0]])
    zero = np.zeros_like(value)
    left = unshocked_notional(UnitValues(value, value, cost, value, zero, np.zeros(3), ("mark",) * 3, 0, 0), np.array([300.0, 100.0, 0.0]))
    assert left.alike.tolist() == [[True, False, True], [True, True, False], [True, True, False]]
    assert (left.instruments.tolist(), left.held.tolist(), left.notional.tolist()) == ([3, 2, 1], [2, 1, 1], [400.0, 100.0, 300.0])
    assert (left.total, left.share(1), left.share(2)) == (400.0, 0.25, 0.75)


def test_a_book_without_positions_leaves_no_share():
    one = np.ones((1, 2))
    assert unshocked_notional(UnitValues(one, one, one, one, one, np.zeros(1), ("mark",), 0, 0), np.zeros(1)).share(1) == 0.0
