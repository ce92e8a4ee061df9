from __future__ import annotations

import pytest
from valuation.builders import CRYPTO, SHOCKS, book, in_years, mixed_book, states

from stresstest.valuation.clamped_vols import clamped_vols
from stresstest.valuation.terms import instrument_terms
from stresstest.valuation.value import value_instruments

CALL = {"kind": "option", "underlying": "BTC", "option_type": "call", "strike": 50_000.0, "expiry": in_years(1.0), "mark_price": 8_000.0}


def test_vols_are_counted_scenario_by_scenario() -> None:
    # Implied vols are a fraction: times 100 they leave [0, 10] above, less 5 below; a normal vol has no upper end.
    dimensions = book(CRYPTO, [CALL | {"instrument_id": "C"}, CALL | {"instrument_id": "N", "vol_type": "normal"}])
    resolved = states(dimensions, {"vol": {"*": (100.0, 0.0)}}, {"vol": {"*": (0.0, -5.0)}}, {"vol": {"*": (1.1, 0.0)}})
    assert clamped_vols(instrument_terms(dimensions, resolved), resolved).tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize("scale", [1.0, 40.0, 1000.0])
def test_they_add_up_to_the_count_of_the_valuation(scale: float) -> None:
    dimensions = mixed_book()
    resolved = states(dimensions, *SHOCKS, {"vol": {"*": (scale, -0.5)}})
    assert clamped_vols(instrument_terms(dimensions, resolved), resolved).sum() == value_instruments(dimensions, resolved).clamped_vols
