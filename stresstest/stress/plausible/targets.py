"""What a reverse stress test looks for, as a figure of a book's pools that exceeds a level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from stresstest.documents import suggest
from stresstest.errors import Reason, StressTestError

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer]

Kind = Literal["shortfall", "default", "accounts-in-shortfall", "accounts-in-default", "uncollateralised-loss"]
KINDS = ("shortfall:ACCOUNT", "default:ACCOUNT", "accounts-in-shortfall:K", "accounts-in-default:K", "uncollateralised-loss")
Measure = Literal["equity", "excess"]
"""Equity; or margin balance less maintenance margin."""


@dataclass(frozen=True)
class Target:
    """`account`: code of the one account that is meant, `count`: how many of any. `level`: what the figure must exceed, in reporting currency."""

    text: str
    kind: Kind
    level: float = 0.0
    account: int | None = None
    count: int = 1

    @property
    def measure(self) -> Measure:
        """What the cushion of a pool is above."""
        return "excess" if self.kind in ("shortfall", "accounts-in-shortfall") else "equity"

    @property
    def tolerant(self) -> bool:
        """Whether a pool counts only when it is below by more than the tolerance of a status."""
        return self.kind != "uncollateralised-loss"

    def figure(self, cushions: Floats, account: Codes) -> Floats:
        """The figure, f64[moves], of cushions f64[pools, moves] (which the tolerance has been added to where the target is tolerant).

        `default:A`: the largest deficit of A's pools, below zero as long as none has one; `accounts-in-default:K`: the K-th largest deficit of all
        accounts; `uncollateralised-loss`: the sum over pools of max(0, -equity). The same for shortfalls.

        Args:
            cushions: of the pools.
            account: code of each pool's account, ascending.
        """
        if self.kind == "uncollateralised-loss":
            return np.asarray(np.maximum(-cushions, 0.0).sum(axis=0) + 0.0)
        first = np.flatnonzero(np.diff(account, prepend=-1))
        deficits = -np.minimum.reduceat(cushions, first, axis=0)
        return np.asarray(np.partition(deficits, len(deficits) - self.count, axis=0)[len(deficits) - self.count])


def target_of(text: str, accounts: Sequence[str], insurance_fund: float) -> Target:
    """The target that a text names.

    Args:
        text: `shortfall:ACCOUNT`, `default:ACCOUNT`, `accounts-in-shortfall:K`, `accounts-in-default:K` or `uncollateralised-loss`.
        accounts: names of the book's accounts, in the order of their codes.
        insurance_fund: what an uncollateralised loss is held against, reporting currency.

    Raises:
        StressTestError: usage, with what targets there are, or the account that is nearest in name.
    """
    kind, colon, about = text.partition(":")
    if kind in ("shortfall", "default") and about:
        if about not in accounts:
            hint = suggest(about, list(accounts), "Accounts") if len(accounts) <= 20_000 else ""
            raise StressTestError(Reason.USAGE, f"no account `{about}`", hint=hint if 0 < len(hint) < 200 else "The table accounts lists them.")
        return Target(text, kind, account=list(accounts).index(about))  # type: ignore[arg-type]
    if kind in ("accounts-in-shortfall", "accounts-in-default") and about:
        if not about.isdecimal() or not 1 <= int(about) <= len(accounts):
            raise StressTestError(
                Reason.USAGE, f"`{text}`: not a number of accounts of this book", hint=f"Write {kind}:K, K from 1 to {len(accounts):,}."
            )
        return Target(text, kind, count=int(about))  # type: ignore[arg-type]
    if kind == "uncollateralised-loss" and not colon:
        return Target(text, "uncollateralised-loss", level=insurance_fund)
    raise StressTestError(Reason.USAGE, f"no target `{text}`", hint=f"Targets: {', '.join(KINDS)}.")
