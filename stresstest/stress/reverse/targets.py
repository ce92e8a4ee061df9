"""What a reverse stress test looks for, and when it is hit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from stresstest.documents import suggest
from stresstest.errors import Reason, StressTestError
from stresstest.margin.kernels.figures import DEFAULT, LIQUIDATION
from stresstest.stress.reverse.search import Reading
from stresstest.stress.tolerance import TOLERANCE

TargetKind = Literal["shortfall", "default", "accounts-in-shortfall", "accounts-in-default", "cover-1", "cover-2", "uncollateralised-loss"]
KINDS: tuple[TargetKind, ...] = get_args(TargetKind)
FIGURES: Mapping[TargetKind, str] = {
    "shortfall": "margin_shortfall",
    "default": "uncollateralised_loss",
    "accounts-in-shortfall": "accounts in liquidation or default",
    "accounts-in-default": "accounts in default",
    "cover-1": "cover_1_stress_loss_over_margin",
    "cover-2": "cover_2_stress_loss_over_margin",
    "uncollateralised-loss": "uncollateralised_loss",
}
"""The figure of each target: of the account, or of the book."""

_HOW = (
    "Targets: shortfall:ACCOUNT, default:ACCOUNT, accounts-in-shortfall:NUMBER, accounts-in-default:NUMBER, cover-1, cover-2, uncollateralised-loss; "
    "the last three with :AMOUNT for another amount than the resources that the run states."
)


@dataclass(frozen=True)
class Target:
    """A target. `account` of the first two kinds; `threshold` of the others: the number of accounts that is enough, or the amount to be exceeded
    (reporting currency; None: what the run states as resources, see `settled`). `of_the_run`: the threshold is the run's, not that of who asks."""

    kind: TargetKind
    account: str | None = None
    threshold: float | None = None
    of_the_run: bool = False

    @property
    def counts(self) -> bool:
        """Whether its figure is a number of accounts."""
        return self.kind in ("accounts-in-shortfall", "accounts-in-default")

    @property
    def least_jump(self) -> float:
        """Smallest change of the figure that is a jump: a count steps by one as it is, an amount moves by more than a status test forgives."""
        return 1.0 if self.counts else TOLERANCE

    def words(self) -> str:
        """The target as a sentence goes on about it: `account A is short of margin`. Where it is about an amount, that stands last, in the reporting
        currency: `... exceeds the resources of 1,000.00`, or of an amount that was asked for `... exceeds 1,000.00`."""
        if self.counts:
            number, one = f"{self.threshold:,.0f}", self.threshold == 1.0
            many = f"{number} account is" if one else f"{number} accounts are"
            return f"{many} in default" if self.kind == "accounts-in-default" else f"{many} short of {'its' if one else 'their'} maintenance margin"
        amount = "" if self.threshold is None else f"{self.threshold:,.2f}"
        of_run = "the insurance fund" if self.kind == "uncollateralised-loss" else "the resources"
        limit = amount if amount and not self.of_the_run else f"{of_run} of {amount}" if amount else of_run
        return {
            "shortfall": f"account {self.account} is short of its maintenance margin",
            "default": f"account {self.account} is in default",
            "cover-1": f"the largest owner loss (Cover-1) exceeds {limit}",
            "cover-2": f"the two largest owner losses (Cover-2) exceed {limit}",
            "uncollateralised-loss": f"the uncollateralised loss of all accounts exceeds {limit}",
        }[self.kind]

    def settled(self, resources: float | None, insurance_fund: float) -> Target:
        """The target with its threshold: Cover against all prefunded resources, the uncollateralised loss against the insurance fund.

        Raises:
            StressTestError: usage, where the run states none.
        """
        if self.account is not None or self.threshold is not None:
            return self
        amount = insurance_fund if self.kind == "uncollateralised-loss" else resources
        if not amount:
            what = "insurance fund" if self.kind == "uncollateralised-loss" else "resources"
            hint = f"State `resources` in the run file (--set resources.insurance_fund=1000000), or an amount: {self.kind}:1000000."
            raise StressTestError(Reason.USAGE, f"the run states no {what} that {self.kind} could exceed", hint=hint)
        return Target(self.kind, None, amount, of_the_run=True)


def parse_target(text: str) -> Target:
    """A target from its text.

    Raises:
        StressTestError: usage, for an unknown kind, a missing account, a number that is none.
    """
    kind, colon, rest = text.partition(":")
    known = next((each for each in KINDS if each == kind), None)
    if known is None:
        nearest = suggest(kind, list(KINDS), "Targets")
        raise StressTestError(Reason.USAGE, f"no target `{kind}`", hint=f"{nearest if nearest.startswith('Did') else ''} {_HOW}".strip())
    if known in ("shortfall", "default"):
        if not rest:
            raise StressTestError(Reason.USAGE, f"the target `{kind}` names no account", hint=f"Write {kind}:ACCOUNT.")
        return Target(known, rest)
    if known in ("accounts-in-shortfall", "accounts-in-default"):
        if not (rest.isascii() and rest.isdecimal() and int(rest) > 0):
            raise StressTestError(Reason.USAGE, f"the target `{text}` needs a number of accounts, 1 or more", hint=f"Write for example {kind}:10.")
        return Target(known, None, float(int(rest)))
    if not colon:
        return Target(known)
    try:
        amount = float(rest)
    except ValueError:
        amount = math.nan
    if not (math.isfinite(amount) and amount >= 0.0):
        raise StressTestError(Reason.USAGE, f"the target `{text}` needs an amount of at least zero", hint=f"Write for example {kind}:1000000.")
    return Target(known, None, amount)


@dataclass(frozen=True)
class AccountStates:
    """One account in several scenarios [S]: margin shortfall, uncollateralised loss, status."""

    margin_shortfall: npt.NDArray[np.float64]
    uncollateralised_loss: npt.NDArray[np.float64]
    status: npt.NDArray[np.int8]


@dataclass(frozen=True)
class BookStates:
    """The book in several scenarios: accounts by status [statuses, S], uncollateralised loss [S], largest stress losses over margin of owners
    and who they are [ranks, S], largest first (owner code, -1 = none)."""

    accounts: npt.NDArray[np.int64]
    uncollateralised_loss: npt.NDArray[np.float64]
    owner_loss: npt.NDArray[np.float64]
    owner: npt.NDArray[np.int32]


def account_readings(target: Target, states: AccountStates) -> list[Reading]:
    """Hit where the engine judges the account so: status liquidation or default, status default."""
    short = target.kind == "shortfall"
    figures = states.margin_shortfall if short else states.uncollateralised_loss
    hits = states.status >= (LIQUIDATION if short else DEFAULT)
    return [Reading(figure, hit) for figure, hit in zip(figures.tolist(), hits.tolist(), strict=True)]


def book_readings(target: Target, states: BookStates) -> list[Reading]:
    """Hit where as many accounts are in that state as wanted, or where the amount is above the threshold."""
    assert target.threshold is not None
    if target.counts:
        first = LIQUIDATION if target.kind == "accounts-in-shortfall" else DEFAULT
        counts = states.accounts[first:].sum(axis=0).tolist()
        return [Reading(float(count), count >= target.threshold) for count in counts]
    if target.kind == "uncollateralised-loss":
        amounts = states.uncollateralised_loss
    else:
        amounts = states.owner_loss[0] if target.kind == "cover-1" else states.owner_loss[0] + states.owner_loss[1]
    return [Reading(amount, amount > target.threshold) for amount in amounts.tolist()]
