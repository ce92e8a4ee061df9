"""Totals by segment of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.margin.kernels.figures import COLLATERAL, LIQUIDATION, POSITIONS
from stresstest.stress.rows import measures, words
from stresstest.stress.wrong_way import wrong_way_losses
from stresstest.tables import SEGMENT_SUMMARY, STATUSES

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

_NEWLY = len(STATUSES)


class SegmentSums(NamedTuple):
    """`segment` codes, ascending; `figures` [segments, states, FIGURES]; `counts` [segments, states, statuses and newly breached]; `losses`
    [segments, states, 2], those of the wrong way and all."""

    segment: Longs
    figures: Floats
    counts: Longs
    losses: Floats


class Segments(NamedTuple):
    """`names`, sorted, of the segments of a book, and the code of each account's; accounts without a segment are in that of the empty name."""

    names: tuple[str, ...]
    code: npt.NDArray[np.int32]


def segments_of(accounts: pl.DataFrame) -> Segments:
    """The segments of the accounts of a book, in their order."""
    stated = accounts["segment"].fill_null("")
    names = stated.unique().sort()
    return Segments(tuple(names), stated.cast(pl.Enum(names)).to_physical().to_numpy().astype(np.int32))


def block_segments(segment: npt.NDArray[np.int32], figures: Floats, status: npt.NDArray[np.int8], tolerance: Floats) -> SegmentSums:
    """The sums of one block, in the order of its accounts.

    Args:
        segment: [accounts] code of each.
        figures: [accounts, states, FIGURES], base first.
        status: [accounts, states].
        tolerance: [accounts] what is no loss but rounding.
    """
    found, inverse = np.unique(segment, return_inverse=True)
    count, states = len(found), figures.shape[1]
    sums = np.zeros((count, states, figures.shape[2]))
    counts = np.zeros((count, states, _NEWLY + 1), dtype=np.int64)
    losses = np.zeros((count, states, 2))
    for state in range(states):
        for what in range(figures.shape[2]):
            sums[:, state, what] = np.bincount(inverse, weights=figures[:, state, what], minlength=count)
        for code in range(_NEWLY):
            counts[:, state, code] = np.bincount(inverse[status[:, state] == code], minlength=count)
        newly = (status[:, state] >= LIQUIDATION) & (status[:, 0] < LIQUIDATION)
        counts[:, state, _NEWLY] = np.bincount(inverse[newly], minlength=count)
        position, collateral = (figures[:, state, what] - figures[:, 0, what] for what in (POSITIONS, COLLATERAL))
        for what, amounts in enumerate(wrong_way_losses(position, collateral, tolerance)):
            losses[:, state, what] = np.bincount(inverse, weights=amounts, minlength=count)
    return SegmentSums(found.astype(np.int64), sums, counts, losses)


def segment_summary(parts: Sequence[SegmentSums], names: tuple[str, ...], scenarios: Sequence[str]) -> pl.DataFrame:
    """The table `segment_summary` from the sums of all blocks, in their order; `scenarios` names the states."""
    segment = np.concatenate([part.segment for part in parts])
    found, inverse = np.unique(segment, return_inverse=True)
    figures = np.zeros((len(found), *parts[0].figures.shape[1:]))
    counts = np.zeros((len(found), *parts[0].counts.shape[1:]), dtype=np.int64)
    losses = np.zeros((len(found), *parts[0].losses.shape[1:]))
    # One block after the other: the same sums whoever computed them.
    np.add.at(figures, inverse, np.concatenate([part.figures for part in parts]))
    np.add.at(counts, inverse, np.concatenate([part.counts for part in parts]))
    np.add.at(losses, inverse, np.concatenate([part.losses for part in parts]))
    base = np.ascontiguousarray(figures[:, 0, :2])
    frames = [
        pl.DataFrame(
            {
                "scenario_id": pl.repeat(scenario, len(found), eager=True),
                "segment": words(names, found),
                "accounts": counts[:, state, :_NEWLY].sum(axis=1),
                **measures(figures[:, state], base),
                **{f"accounts_{status}": counts[:, state, code] for code, status in enumerate(STATUSES)},
                "accounts_newly_breached": counts[:, state, _NEWLY],
                "gross_loss": losses[:, state, 1],
                "wrong_way_loss": losses[:, state, 0],
            }
        )
        for state, scenario in enumerate(scenarios)
    ]
    return pl.concat(frames).select(SEGMENT_SUMMARY.names)
