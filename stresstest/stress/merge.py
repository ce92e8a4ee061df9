"""Merge the results of blocks, in block order: totals add up, owners that span blocks are closed, the largest stay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.totals import TOP, Edges, Totals, close_owner
from stresstest.stress.evaluation import no_totals

Floats = npt.NDArray[np.float64]


@dataclass
class _Open:
    """An owner whose accounts are not all seen yet."""

    owner: int
    loss: Floats
    default: npt.NDArray[np.bool_]
    netting: Floats


class Merger:
    """Takes the totals and edges of blocks one after the other and gives the totals of the book."""

    def __init__(self, used: npt.NDArray[np.int64], width: int, slots: int) -> None:
        self._used = used
        self._slots = slots
        self._totals = no_totals(len(used), width)
        self._open: _Open | None = None

    def add(self, totals: Totals, edges: Edges, first_owner: int, last_owner: int, last_open: bool) -> None:
        """The next block; `last_open`: its last owner continues in the block after it."""
        if self._open is not None and self._open.owner != first_owner:
            raise AssertionError("blocks are not in order of owner")
        continued = self._open is not None
        if continued or (last_open and first_owner == last_owner):
            self._extend(first_owner, edges, 0)
            if first_owner != last_owner or not last_open:
                self._close()
        self._sum(totals)
        if last_open and first_owner != last_owner:
            self._extend(last_owner, edges, 1)

    def result(self) -> Totals:
        """The totals of all blocks added."""
        if self._open is not None:
            raise AssertionError("an owner is still open")
        return self._totals

    def _extend(self, owner: int, edges: Edges, edge: int) -> None:
        if self._open is None:
            self._open = _Open(owner, edges.loss[edge].copy(), edges.default[edge].copy(), edges.netting[edge].copy())
            return
        self._open.loss += edges.loss[edge]
        self._open.default |= edges.default[edge]
        self._open.netting += edges.netting[edge]

    def _close(self) -> None:
        assert self._open is not None
        for block, used in enumerate(self._used):
            close_owner(
                self._totals,
                block,
                self._open.owner,
                np.ascontiguousarray(self._open.loss[:, block]),
                self._open.default[block].copy(),
                np.ascontiguousarray(self._open.netting[:, :, block]),
                self._slots,
                int(used),
            )
        self._open = None

    def _sum(self, totals: Totals) -> None:
        mine = self._totals
        for name in ("figures", "statuses", "all_ok", "newly", "owners_in_default"):
            getattr(mine, name)[...] += getattr(totals, name)
        larger = totals.largest > mine.largest
        mine.largest[larger] = totals.largest[larger]
        mine.largest_account[larger] = totals.largest_account[larger]
        loss = np.concatenate([mine.top_loss, totals.top_loss], axis=2)
        owner = np.concatenate([mine.top_owner, totals.top_owner], axis=2)
        # Equal losses: the owner that comes first in the book.
        order = np.lexsort((owner, -loss), axis=2)[:, :, :TOP]
        mine.top_loss[...] = np.take_along_axis(loss, order, axis=2)
        mine.top_owner[...] = np.take_along_axis(owner, order, axis=2)
