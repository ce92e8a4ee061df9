"""Positions beyond a schedule's `max_notional`: refused at base where the schedule says so, extended and counted in scenarios."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.margin.compile import Compiled
from stresstest.margin.rulebook import Rulebook
from stresstest.stress.holders import BlockHoldings

KEYS = 5
"""Offending positions named in a refusal."""


@dataclass(frozen=True)
class Limits:
    """[schedules]: `most` notional in the schedule's currency (infinite: none), `refuse`: beyond it at base is refused."""

    most: npt.NDArray[np.float64]
    refuse: npt.NDArray[np.bool_]


class BlockLimits(NamedTuple):
    """Per schedule: positions extended in some scenario and their base notional; positions refused at base.

    `keys` [few, 3]: account, instrument and schedule of the first refused.
    """

    extended: npt.NDArray[np.int64]
    notional: npt.NDArray[np.float64]
    refused: npt.NDArray[np.int64]
    keys: npt.NDArray[np.int32]


def limits_of(rulebook: Rulebook) -> Limits:
    """The limits of a margin file's schedules, in file order."""
    schedules = list(rulebook.margin_schedules.values())
    return Limits(
        np.array([np.inf if schedule.max_notional is None else schedule.max_notional for schedule in schedules], dtype=np.float64),
        np.array([schedule.above_max == "refuse" for schedule in schedules], dtype=np.bool_),
    )


def block_limits(limits: Limits, compiled: Compiled, block: BlockHoldings) -> BlockLimits:
    """Which positions of a block go beyond their instrument's schedule, per position (before netting by underlying)."""
    count = len(limits.most)
    none = BlockLimits(np.zeros(count, np.int64), np.zeros(count), np.zeros(count, np.int64), np.empty((0, 3), np.int32))
    if not np.isfinite(limits.most).any():
        return none
    instrument = block.holdings.positions["instrument"]
    schedule = compiled.tables.instruments["schedule"][instrument]
    size = np.abs(block.holdings.positions["quantity"])
    row = compiled.tables.instruments["notional_row"][instrument]
    most = np.where(schedule >= 0, limits.most[schedule] if count else np.inf, np.inf)
    base = compiled.tables.values[0, :, 0]
    extended = size * compiled.tables.span[row, 1] > most
    beyond = (size * base[row] > most) & limits.refuse[schedule]
    pool = np.repeat(np.arange(len(block.gross)), np.diff(block.holdings.position_first))
    account = np.repeat(block.accounts.code, np.diff(block.accounts.first_pool))[pool]
    found = np.flatnonzero(beyond)[:KEYS]
    return BlockLimits(
        np.bincount(schedule[extended], minlength=count),
        np.bincount(schedule[extended], weights=size[extended] * base[row[extended]], minlength=count).astype(np.float64),
        np.bincount(schedule[beyond], minlength=count),
        np.stack([account[found], instrument[found], schedule[found]], axis=1).astype(np.int32),
    )
