"""X along chains of price currencies, and where there is none."""

from __future__ import annotations

import numpy as np

from stresstest.snapshot.price_chains import along_chains

#                 USD  BTC  stBTC  LOST  A  B
PARENT = np.array([0, 0, 1, -1, 5, 4])


def test_chains_of_any_length_broken_chains_and_circles() -> None:
    price = np.array([1.0, 50_000.0, 1.1, 3.0, 2.0, 0.5])
    value, reached = along_chains(price, PARENT, root=0)
    assert value[:3].tolist() == [1.0, 50_000.0, 1.1 * 50_000.0]
    assert np.isnan(value[3:]).all()
    assert reached.tolist() == [True, True, True, False, False, False]


def test_every_state_has_its_own_prices() -> None:
    value, _ = along_chains(np.array([[1.0, 1.0], [50_000.0, 40_000.0], [1.1, 1.0]]), PARENT[:3], root=0)
    assert value.tolist() == [[1.0, 1.0], [50_000.0, 40_000.0], [1.1 * 50_000.0, 40_000.0]]


def test_a_price_that_is_no_number_does_not_break_the_chain() -> None:
    _, reached = along_chains(np.array([1.0, np.nan, 1.1]), PARENT[:3], root=0)
    assert reached.all()
