"""Haircuts that shocks take out of [0, 1]: how many bands were brought back, asset by asset."""

from __future__ import annotations

import numpy as np

from stresstest.errors import counted
from stresstest.margin.rulebook import Rulebook
from stresstest.margin.views import views_of
from stresstest.scenarios.notices import Notice, by_scenario
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions


def haircut_clamps(dimensions: Dimensions, resolved: Resolved, rulebook: Rulebook) -> tuple[Notice, ...]:
    """One notice of kind "clamped" per asset and collateral schedule that has bands which some scenario takes out of range.

    A band counts once per scenario in which `scale * haircut + shift` of its maintenance or its initial haircut is below 0 or above 1.
    Resolving the scenarios cannot count them: it knows factors, not schedules. `scenario_id` is the first scenario with one.
    """
    notices = []
    names = dimensions.assets["asset"].to_list()
    schedules = views_of(dimensions, rulebook).haircuts(dimensions)
    moved = ((resolved.haircut_scale != 1.0) | (resolved.haircut_shift != 0.0)).any(axis=1)
    for code, name in [(asset, schedule) for asset in np.flatnonzero(moved).tolist() for schedule in schedules[asset]]:
        bands = rulebook.collateral_schedules[name].bands
        haircuts = np.array([[band.haircut, band.initial] for band in bands])
        stressed = resolved.haircut_scale[code] * haircuts[..., None] + resolved.haircut_shift[code]
        clamped = ((stressed < 0.0) | (stressed > 1.0)).any(axis=1).sum(axis=0)
        count = int(clamped.sum())
        if count:
            scenarios = np.flatnonzero(clamped)
            message = (
                f"{counted(count, 'stressed haircut')} of {names[code]} (bands of {name}, in {counted(len(scenarios), 'scenario')}) "
                "brought to between 0 and 1"
            )
            notices.append(Notice("clamped", resolved.ids[int(scenarios[0])], f"haircut:{names[code]}", message, count, by_scenario(clamped)))
    return tuple(notices)
