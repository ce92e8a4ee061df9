"""A run's tables for a few of its scenarios alone: for a second look at the book, at base and where it is worst."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.compile import Compiled
from stresstest.margin.kernels.lanes import Lanes, aligned

Floats = npt.NDArray[np.float64]


def selected(compiled: Compiled, scenarios: Sequence[int]) -> Compiled:
    """The same tables with the chosen scenarios only, which are numbered anew in the order given.

    Spans stay those of all scenarios, so pools fold to the same programs; scenarios of one block stay together, with what is constant in that
    block. So every figure has the same bits as in the run.

    Args:
        scenarios: by position in the run, distinct; the first is 0, base.
    """
    if not scenarios or scenarios[0] != 0:
        raise ValueError("base must be the first of the scenarios selected")
    lanes, tables = compiled.lanes, compiled.tables
    home = [_place(lanes, scenario) for scenario in scenarios]
    blocks = sorted({block for block, _ in home})
    members = [[number for number, (home_block, _) in enumerate(home) if home_block == block] for block in blocks]
    padded = [-(-len(each) // 8) * 8 for each in members]
    width = max(padded)
    values = aligned(len(blocks), tables.values.shape[1], width)
    scenario = np.empty((len(blocks), width), dtype=np.int32)
    for at, (_, each) in enumerate(zip(blocks, members, strict=True)):
        scenario[at] = np.array([*each, *[each[-1]] * (width - len(each))])
    lane_of = np.array([lane for _, lane in home])[scenario]
    for at, block in enumerate(blocks):
        np.take(tables.values[block], lane_of[at], axis=1, out=values[at])
    narrow = Lanes(
        width=width,
        scenario=scenario,
        used=np.array([len(each) for each in members], dtype=np.int64),
        padded=np.array(padded, dtype=np.int64),
        headline=lanes.headline[blocks],
    )
    rows = tables._replace(
        scans=tables.scans._replace(changes=_cells(tables.scans.changes, lanes, blocks, narrow, lane_of)),
        values=values,
        asset_plain=np.ascontiguousarray(tables.asset_plain[blocks]),
        weight_unit=np.ascontiguousarray(tables.weight_unit[blocks]),
    )
    return dataclasses.replace(compiled, tables=rows, lanes=narrow)


def _cells(changes: Floats, lanes: Lanes, blocks: Sequence[int], narrow: Lanes, lane_of: npt.NDArray[np.integer[Any]]) -> Floats:
    """The cells of grids in the chosen lanes: of an entry column after column, each over the padded lanes of its block."""
    if not changes.size:
        return changes
    entries, columns = changes.shape[1], changes.shape[2] // lanes.width
    found = aligned(len(blocks), entries, columns * narrow.width)
    for at, block in enumerate(blocks):
        before, after = int(lanes.padded[block]), int(narrow.padded[at])
        cells = changes[block, :, : columns * before].reshape(entries, columns, before)
        found[at, :, : columns * after] = cells[..., lane_of[at, :after]].reshape(entries, -1)
    return found


def _place(lanes: Lanes, scenario: int) -> tuple[int, int]:
    """Block and lane of a scenario of the run."""
    for block in range(lanes.blocks):
        found = np.flatnonzero(lanes.scenario[block, : lanes.used[block]] == scenario)
        if len(found):
            return block, int(found[0])
    raise ValueError(f"no scenario at position {scenario}")


def row_values(compiled: Compiled, scenario: int) -> Floats:
    """Every row of the tables in one scenario, f64[rows]."""
    block, lane = _place(compiled.lanes, scenario)
    return np.ascontiguousarray(compiled.tables.values[block, :, lane])
