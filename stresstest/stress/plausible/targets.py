"""What a reverse stress test looks for, as a figure of a book's pools that exceeds a level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from stresstest.errors import Reason, StressTestError
from stresstest.stress.reverse import targets as reverse

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer]

Kind = Literal["shortfall", "default", "accounts-in-shortfall", "accounts-in-default", "uncollateralised-loss", "cover-1", "cover-2"]
Measure = Literal["equity", "excess", "margin"]
"""Equity; margin balance less maintenance margin; initial margin at base less what positions have lost since."""


@dataclass(frozen=True)
class Target:
    """`account`: code of the one account that is meant, `count`: how many accounts of any, or owners of Cover. `level`: what the figure must exceed,
    in reporting currency. `words`: what happens then."""

    text: str
    kind: Kind
    words: str = ""
    level: float = 0.0
    account: int | None = None
    count: int = 1

    @property
    def measure(self) -> Measure:
        """What the cushion of a pool is above."""
        if self.of_owners:
            return "margin"
        return "excess" if self.kind in ("shortfall", "accounts-in-shortfall") else "equity"

    @property
    def of_owners(self) -> bool:
        """Whether it is about owners: Cover-1, Cover-2."""
        return self.kind in ("cover-1", "cover-2")

    @property
    def of_totals(self) -> bool:
        """Whether its figure is an amount of the whole book, which no single pool decides about."""
        return self.of_owners or self.kind == "uncollateralised-loss"

    @property
    def tolerant(self) -> bool:
        """Whether a pool counts only when it is below by more than the tolerance of a status."""
        return not self.of_totals

    def figure(self, cushions: Floats, code: Codes) -> Floats:
        """The figure, f64[moves], of cushions f64[pools, moves] (which the tolerance has been added to where the target is tolerant).

        `default:A`: the largest deficit of A's pools, below zero as long as none has one; `accounts-in-default:K`: the K-th largest deficit of all
        accounts; `uncollateralised-loss`: the sum over pools of max(0, -equity). The same for shortfalls. `cover-N`: the sum of the N largest
        losses of owners, sums over pools of max(0, -cushion), as if all collateral were kept.

        Args:
            cushions: of the pools.
            code: of each pool's account, for Cover of its owner; those of one stand together.
        """
        if self.kind == "uncollateralised-loss":
            return np.asarray(np.maximum(-cushions, 0.0).sum(axis=0) + 0.0)
        first = np.flatnonzero(np.diff(code, prepend=-1))
        if self.of_owners:
            losses = np.add.reduceat(np.maximum(-cushions, 0.0), first, axis=0)
            largest = min(self.count, len(losses))
            return np.asarray(np.partition(losses, len(losses) - largest, axis=0)[-largest:].sum(axis=0) + 0.0)
        deficits = -np.minimum.reduceat(cushions, first, axis=0)
        return np.asarray(np.partition(deficits, len(deficits) - self.count, axis=0)[len(deficits) - self.count])


def target_of(text: str, wanted: reverse.Target, account: int | None, accounts: int) -> Target:
    """A target of `reverse` as a figure of pools.

    Args:
        text: as it was asked.
        wanted: the target, with its threshold.
        account: code of the account that it names.
        accounts: number of accounts of the book.

    Raises:
        StressTestError: usage, for one that is not about pools alone, or more accounts than there are.
    """
    if wanted.counts and int(wanted.threshold or 1) > accounts:
        raise StressTestError(Reason.USAGE, f"`{text}`: the book has {accounts:,} accounts", hint=f"Write {wanted.kind}:K, K from 1 to {accounts:,}.")
    match wanted.kind:
        case "accounts-in-shortfall" | "accounts-in-default":
            return Target(text, wanted.kind, wanted.words(), count=int(wanted.threshold or 1))
        case "shortfall" | "default" | "uncollateralised-loss":
            return Target(text, wanted.kind, wanted.words(), level=wanted.threshold or 0.0, account=account)
        case "cover-1" | "cover-2":
            return Target(text, wanted.kind, wanted.words(), level=wanted.threshold or 0.0, count=1 if wanted.kind == "cover-1" else 2)
