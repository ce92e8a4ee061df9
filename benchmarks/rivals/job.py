"""What every rival reads and gives."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SETTLE = "USDC"
"""What every contract of the book is quoted and settled in; no scenario moves it."""


@dataclass(frozen=True)
class Answer:
    """`totals` [scenarios, 3]: margin shortfall, initial shortfall, uncollateralised loss, in order of scenario id.

    `worst` [accounts]: smallest margin balance less maintenance margin, in order of account id. Seconds of reading and
    preparing, which the number of scenarios does not change much, and of the rest.
    """

    totals: Floats
    worst: Floats
    prepare_seconds: float
    compute_seconds: float


@dataclass(frozen=True)
class Curve:
    """A piecewise linear function of x >= 0: the sum over pieces of slope * max(0, x - start), for maintenance and initial margin.

    Of a collateral schedule: what is left after haircuts, with the weights of negative balances.
    """

    starts: tuple[float, ...]
    maintenance: tuple[float, ...]
    initial: tuple[float, ...]
    liability: tuple[float, float] = (1.0, 1.0)

    def __call__(self, x: Floats, which: int) -> Floats:
        """The function of all x; which = 0: maintenance, 1: initial. Only a collateral schedule is asked below zero."""
        result = np.minimum(x, 0.0)
        result *= self.liability[which]
        part = np.empty_like(x)  # one buffer for all pieces: fresh memory costs more than the arithmetic
        for start, slope in zip(self.starts, (self.maintenance, self.initial)[which], strict=True):
            np.subtract(x, start, out=part)
            np.maximum(part, 0.0, out=part)
            part *= slope
            result += part
        return result

    def sql(self, x: str, which: int) -> str:
        """The function as an SQL expression."""
        pieces = (
            f"{slope!r} * greatest({x} - {start!r}, 0)" for start, slope in zip(self.starts, (self.maintenance, self.initial)[which], strict=True)
        )
        return f"({' + '.join(pieces)} + {self.liability[which]!r} * least({x}, 0))"


def _slopes(levels: list[float]) -> tuple[float, ...]:
    """Changes of a step function from one level to the next."""
    return tuple(level - before for level, before in zip(levels, [0.0, *levels], strict=False))


def rules(book: Path) -> tuple[Curve, dict[str, Curve]]:
    """The margin schedule, and the collateral schedules by name."""
    document: dict[str, Any] = json.loads((book / "margin.yaml").read_text(encoding="utf-8"))
    tiers = document["margin_schedules"]["five_tiers"]["tiers"]
    margin = Curve(
        tuple(tier["from"] for tier in tiers),
        _slopes([tier["maintenance_rate"] for tier in tiers]),
        _slopes([tier["initial_rate"] for tier in tiers]),
    )
    collateral = {}
    for name, schedule in document["collateral_schedules"].items():
        bands, weights = schedule["bands"], schedule["liability_weight"]
        collateral[name] = Curve(
            tuple(band["from"] for band in bands),
            _slopes([1.0 - band["haircut"] for band in bands]),
            _slopes([1.0 - band["initial_haircut"] for band in bands]),
            (weights["maintenance"], weights["initial"]),
        )
    return margin, collateral
