"""What owners owe after a cascade: their accounts below zero, what their other accounts have, and who has gained.

Accounts come part by part; an owner's may lie in several. Kept are owners that owe something, which are few, and totals of all others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stresstest.stress.cascade.losses.waterfall import Losses
from stresstest.stress.cascade.outcome import AccountsPart

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]

LOSS, SURPLUS, GAIN, TOLERATED, ISOLATED = range(5)
"""Sums of an owner in a scenario: accounts below zero, accounts above, gains since base, how many are in default, and what isolated pools are below
zero; a netting group is one account."""
SUMS = 5


@dataclass(frozen=True)
class OwnersInDebt:
    """Owners with pools below zero, sorted by (scenario, owner); scenarios by their place among those asked for.

    `sums` [rows, SUMS], netting groups netted. [scenarios]: `gains` of all accounts above what they had at base; `limited_recourse`: what isolated
    pools are below zero, for which no owner is liable.
    """

    scenario: Longs
    owner: Longs
    sums: Floats
    gains: Floats
    limited_recourse: Floats

    def in_default(self) -> Longs:
        """Owners in default by scenario."""
        return np.bincount(self.scenario[self.sums[:, TOLERATED] > 0.0], minlength=len(self.gains)).astype(np.int64)

    def largest(self, count: int) -> Floats:
        """Sum of so many largest losses by scenario, isolated pools included: they count, though they make nobody a defaulter."""
        found, loss = np.zeros(len(self.gains)), self.sums[:, LOSS] + self.sums[:, ISOLATED]
        order = np.lexsort((self.owner, -loss, self.scenario))
        first = np.searchsorted(self.scenario[order], np.arange(len(found)))
        rank = np.arange(len(order)) - first[self.scenario[order]]
        for place in range(count):
            here = order[rank == place]
            found[self.scenario[here]] += loss[here]
        return found

    def losses(self, place: int, contribution: Floats, assessment_cap: Floats, gains: Floats | None = None, gaining: Longs | None = None) -> Losses:
        """What is to be paid in one scenario. What an owner owes that is not in default (its fees took all it had, but for rounding) is nobody's
        default: neither its contribution nor its other accounts are used up by it.

        Args:
            place: of the scenario.
            contribution: of every owner to the default fund.
            assessment_cap: of every owner.
            gains: of accounts, at least zero, where it is asked who gives them up, with
            gaining: their owners; else the gains of all stand for one.
        """
        rows = slice(*np.searchsorted(self.scenario, [place, place + 1]))
        owner, sums = self.owner[rows], self.sums[rows]
        loss, surplus = np.zeros(len(contribution)), np.zeros(len(contribution))
        defaults = sums[:, TOLERATED] > 0.0
        loss[owner], surplus[owner] = (np.where(defaults, sums[:, each], 0.0) for each in (LOSS, SURPLUS))
        pooled = float(self.limited_recourse[place]) + float(sums[~defaults, LOSS].sum())
        if gains is None or gaining is None:
            total = max(0.0, float(self.gains[place]) - float(sums[defaults, GAIN].sum()))
            gains, gaining = np.array([total]), np.zeros(1, dtype=np.int64)
        else:
            gains = np.where(loss[gaining] > 0.0, 0.0, gains)
        return Losses(loss, surplus, contribution, assessment_cap, pooled, gains, gaining)


class OwnerLosses:
    """Takes parts of accounts in order, and adds up what their owners owe, in the scenarios themselves and at the end."""

    def __init__(self, owner: Codes, netting: Codes, scenarios: Codes) -> None:
        """`owner`, `netting` (slot within the owner, 0 = none) of every account; `scenarios`: places in the run of those asked for, ascending."""
        self._owner, self._netting, self._scenarios = owner.astype(np.int64), netting.astype(np.int64), scenarios
        self._shocked, self._final = _Side(len(scenarios)), _Side(len(scenarios))

    def add(self, part: AccountsPart) -> None:
        """Take consecutive accounts in some of the scenarios."""
        accounts = slice(part.first, part.first + len(part.equity_base))
        places = np.searchsorted(self._scenarios, part.scenarios)
        owner, slot = self._owner[accounts], self._netting[accounts]
        base = part.equity_base[:, np.newaxis]
        self._shocked.add(owner, slot, places, part.cross_shocked, part.loss_shocked, part.equity_shocked - base, part.tolerance)
        self._final.add(owner, slot, places, part.cross_final, part.loss_final, part.equity_final - base, part.tolerance)

    def shocked(self) -> OwnersInDebt:
        """Who owes before anything is liquidated."""
        return self._shocked.result()

    def final(self) -> OwnersInDebt:
        """Who owes at the end."""
        return self._final.result()


class _Side:
    """One state of every scenario."""

    def __init__(self, scenarios: int) -> None:
        self._gains, self._limited = np.zeros(scenarios), np.zeros(scenarios)
        self._rows: list[tuple[Longs, Longs, Floats]] = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, SUMS)))]
        self._groups: list[tuple[Longs, Longs, Longs, Floats]] = [
            (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 2)))
        ]

    def add(self, owner: Longs, slot: Longs, places: Longs, cross: Floats, loss: Floats, gained: Floats, tolerance: Floats) -> None:
        below, gain = np.maximum(-cross, 0.0), np.maximum(gained, 0.0)
        self._gains[places] += gain.sum(axis=0)
        isolated = np.maximum(loss - below, 0.0)
        self._limited[places] += isolated.sum(axis=0)
        netted = slot > 0
        alone = ~netted[:, np.newaxis]
        accounts = np.stack(
            [
                np.where(alone, below, 0.0),
                np.where(alone, np.maximum(cross, 0.0), 0.0),
                gain,
                (alone & (cross < -tolerance[:, np.newaxis])).astype(np.float64),
                isolated,
            ],
            axis=-1,
        )
        start = np.flatnonzero(np.diff(owner, prepend=owner[0] - 1))
        sums = np.add.reduceat(accounts, start, axis=0)
        # The first and the last owner may have accounts in other parts, and groups are netted at the end: these are kept whatever they owe.
        wanted = (sums[..., LOSS] > 0.0) | (sums[..., ISOLATED] > 0.0)
        wanted[[0, -1]] = True
        wanted |= np.logical_or.reduceat(netted, start)[:, np.newaxis]
        row, column = np.nonzero(wanted)
        self._rows.append((places[column], owner[start][row], sums[row, column]))
        if netted.any():
            members = np.flatnonzero(netted)
            at = np.repeat(members, len(places))
            figures = np.stack([cross[members].ravel(), tolerance[at]], axis=1)
            self._groups.append((np.tile(places, len(members)), owner[at], slot[at], figures))

    def result(self) -> OwnersInDebt:
        scenario, owner, sums = (np.concatenate(column) for column in zip(*self._rows, strict=True))
        keys, added = _added((scenario, owner), sums)
        of, by, slot, figures = (np.concatenate(column) for column in zip(*self._groups, strict=True))
        groups, nets = _added((of, by, slot), figures)
        equity, tolerated = nets[:, 0], nets[:, 0] < -nets[:, 1]
        owed = np.zeros((len(equity), SUMS))
        owed[:, LOSS], owed[:, SURPLUS], owed[:, TOLERATED] = np.maximum(-equity, 0.0), np.maximum(equity, 0.0), tolerated
        whole, found = _added(tuple(np.concatenate([a, b]) for a, b in zip(keys, groups[:2], strict=True)), np.concatenate([added, owed]))
        kept = (found[:, LOSS] > 0.0) | (found[:, ISOLATED] > 0.0)
        return OwnersInDebt(whole[0][kept], whole[1][kept], found[kept], self._gains, self._limited)


def _added(keys: tuple[Longs, ...], rows: Floats) -> tuple[tuple[Longs, ...], Floats]:
    """Rows of one key added in their order; keys sorted."""
    order = np.lexsort(keys[::-1])
    sorted_keys = tuple(key[order] for key in keys)
    if not len(order):
        return sorted_keys, rows
    fresh = np.any([np.diff(key, prepend=key[0] - 1) != 0 for key in sorted_keys], axis=0)
    start = np.flatnonzero(fresh)
    return tuple(key[start] for key in sorted_keys), np.add.reduceat(rows[order], start, axis=0)
