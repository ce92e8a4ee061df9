"""How a found scenario is told, where the figures are plain numbers; what they are is in tests/runs/reverse."""

from __future__ import annotations

import pytest
from scipy.special import ndtr

from stresstest.stress.reverse.story import Plausibility, Story, chance


@pytest.mark.parametrize(("deviations", "says"), [(3.0, "0.00135"), (10.0, "7.62e-24"), (123.0, "below 1e-300")])
def test_what_is_too_rare_for_a_number_is_not_called_impossible(deviations: float, says: str):
    probability = float(ndtr(-deviations))
    assert chance(probability) == says
    far = Plausibility(deviations, probability, ("spot:BTC",), "20 moves")
    assert f"half-space probability {says} (normal)" in Story((), 0, None, far, None).words()
