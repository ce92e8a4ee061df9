"""What resolving finds and does not refuse: factors that match nothing, values brought into their range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NoticeKind = Literal["unknown factor", "no match", "clamped"]


@dataclass(frozen=True)
class Notice:
    """A finding that `lint` and data quality show.

    `scenario_id` is the first scenario with it, `factor` the factor of the shocks or the factor type, `count` the number
    of shocks ("unknown factor", "no match") or of factor values ("clamped") it is about.
    """

    kind: NoticeKind
    scenario_id: str
    factor: str
    message: str
    count: int
