"""Losses of whole owners in a few scenarios: who is in default, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.margin.kernels.figures import COLLATERAL, DEFAULT, INITIAL_MARGIN, LOSS, MARGIN_SHORTFALL, POSITIONS, STRESS_LOSS
from stresstest.snapshot.book import Dimensions
from stresstest.stress.holders import BlockHoldings
from stresstest.stress.rows import words
from stresstest.tables import OWNER_SUMMARY

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]

EQUITY, SHORTFALL, STRESS, UNCOLLATERALISED = range(4)
SUMS = 4
NET_STRESS, NET_EQUITY, NET_TOLERANCE = range(3)


@dataclass(frozen=True)
class OwnerSums:
    """`owner` codes, ascending; `sums` [owners, states, SUMS]; `default` [owners, states]; what netting groups add to is apart until all are seen.

    `group_owner`, `group_slot` name the groups, sorted; `groups` [groups, states, 3]: stress loss, equity and tolerance of their cross pools.
    """

    owner: Codes
    sums: Floats
    default: Flags
    group_owner: Codes
    group_slot: Codes
    groups: Floats

    def only(self, chosen: Flags) -> OwnerSums:
        """Some of the owners."""
        owner = self.owner[chosen]
        groups = np.isin(self.group_owner, owner)
        return OwnerSums(owner, self.sums[chosen], self.default[chosen], self.group_owner[groups], self.group_slot[groups], self.groups[groups])


def block_owners(block: BlockHoldings, figures: Floats, status: npt.NDArray[np.int8], kept: Floats) -> OwnerSums:
    """The owners of one block.

    Args:
        block: its accounts and pools.
        figures: [pools, states, FIGURES], base first.
        status: [pools, states].
        kept: [pools, states] K of the pools of netting groups; others are not looked at.
    """
    accounts = block.accounts
    account = np.repeat(np.arange(len(accounts.code)), np.diff(accounts.first_pool))
    isolated = accounts.isolated[:, np.newaxis]
    slot = accounts.netting[account]
    netted = ((slot > 0) & ~accounts.isolated)[:, np.newaxis]
    owner_of = accounts.owner[account]
    owner, inverse = np.unique(owner_of, return_inverse=True)
    equity = figures[..., POSITIONS] + figures[..., COLLATERAL]
    columns = {
        EQUITY: equity,
        SHORTFALL: figures[..., MARGIN_SHORTFALL],
        STRESS: np.where(netted, 0.0, figures[..., STRESS_LOSS]),
        UNCOLLATERALISED: np.where(netted, 0.0, figures[..., LOSS]),
    }
    states = figures.shape[1]
    sums = np.zeros((len(owner), states, SUMS))
    default = np.zeros((len(owner), states), dtype=np.bool_)
    for state in range(states):
        for what, amounts in columns.items():
            sums[:, state, what] = np.bincount(inverse, weights=amounts[:, state], minlength=len(owner))
    # As the kernels judge: a pool of its own, neither isolated nor in a netting group.
    np.logical_or.at(default, inverse, (status == DEFAULT) & ~netted & ~isolated)
    pools = np.flatnonzero(netted[:, 0])
    group = owner_of[pools].astype(np.int64) * (int(slot.max(initial=0)) + 1) + slot[pools]
    named, member = np.unique(group, return_inverse=True)
    nets = np.zeros((len(named), states, 3))
    raw = _stress_loss(figures[pools], kept[pools])
    for state in range(states):
        for what, amounts in ((NET_STRESS, raw[:, state]), (NET_EQUITY, equity[pools, state]), (NET_TOLERANCE, accounts.tolerance[pools])):
            nets[:, state, what] = np.bincount(member, weights=amounts, minlength=len(named))
    group_owner, group_slot = np.divmod(named, int(slot.max(initial=0)) + 1)
    return OwnerSums(owner, sums, default, group_owner.astype(np.int32), group_slot.astype(np.int32), nets)


def _stress_loss(figures: Floats, kept: Floats) -> Floats:
    """Position loss less k times base initial margin [pools, states], negative where margin is left: groups add before they are cut at zero."""
    start = kept[:, :1]
    share = np.where(start > 0.0, np.clip(np.divide(kept, start, out=np.ones_like(kept), where=start > 0.0), 0.0, 1.0), 1.0)
    return np.asarray((figures[:, :1, POSITIONS] - figures[..., POSITIONS]) - share * figures[:, :1, INITIAL_MARGIN])


def joined(parts: Sequence[OwnerSums]) -> OwnerSums:
    """The same owners met in several blocks, added in the order of blocks."""
    owner, inverse = np.unique(np.concatenate([part.owner for part in parts]), return_inverse=True)
    sums = np.zeros((len(owner), *parts[0].sums.shape[1:]))
    default = np.zeros((len(owner), parts[0].default.shape[1]), dtype=np.bool_)
    np.add.at(sums, inverse, np.concatenate([part.sums for part in parts]))
    np.logical_or.at(default, inverse, np.concatenate([part.default for part in parts]))
    pairs = np.stack([np.concatenate([part.group_owner for part in parts]), np.concatenate([part.group_slot for part in parts])], axis=1)
    named, member = np.unique(pairs, axis=0, return_inverse=True)
    groups = np.zeros((len(named), *parts[0].groups.shape[1:]))
    np.add.at(groups, member.reshape(-1), np.concatenate([part.groups for part in parts]))
    return OwnerSums(owner, sums, default, named[:, 0], named[:, 1], groups)


def closed(found: OwnerSums) -> OwnerSums:
    """Owners whose accounts are all seen: netting groups net, and add to losses and defaults (section 5 of the methodology)."""
    if not len(found.group_owner):
        return found
    sums, default = found.sums.copy(), found.default.copy()
    at = np.searchsorted(found.owner, found.group_owner)
    np.add.at(sums[..., STRESS], at, np.maximum(found.groups[..., NET_STRESS], 0.0))
    np.add.at(sums[..., UNCOLLATERALISED], at, np.maximum(-found.groups[..., NET_EQUITY], 0.0))
    np.logical_or.at(default, at, found.groups[..., NET_EQUITY] < -found.groups[..., NET_TOLERANCE])
    none = np.zeros(0, dtype=np.int32)
    return OwnerSums(found.owner, sums, default, none, none, found.groups[:0])


def owner_summary(found: OwnerSums, listed: Flags, dimensions: Dimensions, scenarios: Sequence[str]) -> pl.DataFrame:
    """The table `owner_summary`.

    Args:
        found: closed.
        listed: [owners, states] who is shown in which scenario.
        dimensions: of the book.
        scenarios: names of the states.
    """
    row, state = np.nonzero(listed)
    codes = found.owner[row].astype(np.uint32)
    counts = np.bincount(dimensions.accounts["owner_code"].to_numpy(), minlength=dimensions.owners.height)
    about = dimensions.owners.select("owner_id", "name", "incomplete", "default_fund_contribution")[codes]
    sums = found.sums[row, state] + 0.0
    return about.with_columns(
        words(tuple(scenarios), state).alias("scenario_id"),
        pl.Series("accounts", counts[codes].astype(np.int64)),
        pl.Series("equity", sums[:, EQUITY]),
        pl.Series("margin_shortfall", sums[:, SHORTFALL]),
        pl.Series("stress_loss_over_margin", sums[:, STRESS]),
        pl.Series("uncollateralised_loss", sums[:, UNCOLLATERALISED]),
        pl.Series("in_default", found.default[row, state]),
    ).select(OWNER_SUMMARY.names)
