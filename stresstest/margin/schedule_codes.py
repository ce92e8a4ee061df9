"""Codes of schedules by name, and prices of their currencies."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from stresstest.margin.views import Names
from stresstest.scenarios.resolved import Resolved

Floats = npt.NDArray[np.float64]


def codes_of(names: Names, of: Iterable[str]) -> npt.NDArray[np.int32]:
    """Codes of names, in the order `of` some; -1 for none."""
    lookup = {name: code for code, name in enumerate(of)}
    return np.array([-1 if name is None else lookup[name] for name in names], dtype=np.int32)


def factor_of(resolved: Resolved, codes: dict[str, int], currency: str | None) -> Floats:
    """X of a schedule's currency [S]; one for the reporting currency."""
    return np.ones(resolved.scenarios) if currency is None else resolved.value[codes[currency]]
