"""Scenarios that are the same on a book: every factor has the same value in them."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from stresstest.scenarios.resolved import Resolved

Floats = npt.NDArray[np.float64]

_LANES = 256
"""Scenarios hashed at once: what is copied stays small."""


def first_alike(resolved: Resolved) -> list[int]:
    """Per scenario the number of the first scenario with the same factor values, to the last bit; its own where it is the first.

    The base is scenario 0: one that gets 0 moves nothing.
    """
    varying = [_varying(table) for table in _tables(resolved)]
    seen: dict[bytes, int] = {}
    firsts = []
    for start in range(0, resolved.scenarios, _LANES):
        # -0.0 and 0.0 are one value.
        lanes = [np.ascontiguousarray(table[:, start : start + _LANES].T + 0.0) for table in varying]
        for lane in range(min(_LANES, resolved.scenarios - start)):
            digest = blake2b(digest_size=16)
            for table in lanes:
                digest.update(table[lane])
            firsts.append(seen.setdefault(digest.digest(), start + lane))
    return firsts


def _tables(resolved: Resolved) -> list[Floats]:
    tables = [
        resolved.spot,
        resolved.rate,
        resolved.basis,
        resolved.vol_scale,
        resolved.vol_shift,
        resolved.collateral_ratio,
        resolved.haircut_scale,
        resolved.haircut_shift,
        resolved.elapsed_years[None, :],
    ]
    # Pairs of one treatment are views of one row in memory; looking at it once is enough.
    sparse = {row.ctypes.data: row for rows in (resolved.holding_rows, resolved.margin_rate, resolved.depth) for row in rows.values()}
    return [*tables, *(row[None, :] for row in sparse.values())]


def _varying(table: Floats) -> Floats:
    """The rows that some scenario moves."""
    rows: Floats = table[(table != table[:, :1]).any(axis=1)]
    return rows
