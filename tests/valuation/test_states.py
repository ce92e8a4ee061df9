"""One state per row: the same values as the block, to the bit."""

from __future__ import annotations

import numpy as np
from valuation.builders import SHOCKS, mixed_book, states

from stresstest.valuation.states import VALUES, pairs, value_states
from stresstest.valuation.terms import instrument_terms
from stresstest.valuation.value import value_instruments


def test_both_drivers_agree_to_the_bit_in_any_order() -> None:
    dimensions = mixed_book()
    resolved = states(dimensions, *SHOCKS)
    unit = value_instruments(dimensions, resolved)
    terms = instrument_terms(dimensions, resolved)
    order = np.random.default_rng(1).permutation(dimensions.instruments.height * 5)
    instrument, scenario = order // 5, order % 5
    frame = value_states(pairs(terms, resolved, instrument, scenario))
    for name in VALUES[:5]:
        assert np.array_equal(frame[name].to_numpy(), getattr(unit, name)[instrument, scenario]), name
    assert frame["vol_clamped"].sum() == unit.clamped_vols.sum()
    assert frame["price_clamped"].sum() == unit.clamped_prices
