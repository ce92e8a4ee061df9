"""From one day to the next: cash that trading moved, accounts planted below their margin, and everyone else's margin calls met."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from venue import cushion
from venue.holdings import Holdings, Market, net_positions, position_values, posted_tokens
from venue.members import Members
from venue.official_margin import INITIAL, MAINTENANCE, margin_balances, margins, position_share, requirements
from venue.underlyings import COLLATERAL_ASSETS, Floats

_FIRST_PLACE = {asset: places[0][0] for asset, places in cushion.PLACES.items()}


@dataclass(frozen=True)
class Weak:
    """Accounts planted in a call and in liquidation: account numbers with the share of the requirement their balance covers."""

    call: dict[int, float]
    liquidation: dict[int, float]

    @property
    def accounts(self) -> set[int]:
        """All of them."""
        return set(self.call) | set(self.liquidation)


def booked(collateral: pl.DataFrame, members: Members, market: Market, flows: list[tuple[int, int, float]]) -> pl.DataFrame:
    """The collateral after cash flows (account, asset, units): on the largest row of the asset, on a new one, or as a loan."""
    total: dict[tuple[str, str], float] = defaultdict(float)
    names = members.accounts["account_id"].to_list()
    for account, asset, units in flows:
        total[(names[account], market.assets[asset])] += units
    rows = collateral.rows()
    largest: dict[tuple[str, str], int] = {}
    for place, (account_id, asset_id, quantity, _) in enumerate(rows):
        key = (account_id, asset_id)
        if key not in largest or abs(quantity) > abs(rows[largest[key]][2]):
            largest[key] = place
    for (account_id, asset_id), units in total.items():
        step = COLLATERAL_ASSETS[asset_id][1]
        place = largest.get((account_id, asset_id), len(rows))
        before, location = (rows[place][2], rows[place][3]) if place < len(rows) else (0.0, None)
        after = round(round((before + units) / step) * step, 4)
        row = (account_id, asset_id, after, (location or _FIRST_PLACE[asset_id]) if after > 0 else None)
        rows[place : place + 1] = [row]
    return _sorted(pl.DataFrame(rows, schema=collateral.schema, orient="row").filter(pl.col("quantity") != 0.0))


def _sorted(collateral: pl.DataFrame) -> pl.DataFrame:
    return collateral.sort("account_id", "asset", "location", "quantity", nulls_last=True)


def _factors(h: Holdings, m: Market, accounts: pl.DataFrame, collateral: pl.DataFrame, share: Floats, version: int) -> Floats:
    """Per account the factor on its cross collateral at which the margin balance is a share of the requirement."""
    tokens = posted_tokens(h, m, accounts, collateral)
    needs = requirements(h, m, accounts)[version] * share[h.pool_account]
    factors = cushion.dollars_for_balance(h, m, accounts, tokens * m.value, needs, version)
    cross = np.array([name == "cross" for name in h.pool_names])
    result = np.ones(accounts.height)
    result[h.pool_account[cross]] = factors[cross]
    return result


def _withdrawn(
    positions: pl.DataFrame, collateral: pl.DataFrame, members: Members, m: Market, shares: dict[int, float], version: int
) -> pl.DataFrame:
    """The collateral scaled so that the balance of some accounts covers a share of their requirement."""
    accounts = members.accounts[list(shares)]
    names = accounts["account_id"].to_list()
    mine = pl.col("account_id").is_in(names)
    table = positions.filter(mine)
    factors = _factors(net_positions(table, accounts, m), m, accounts, collateral.filter(mine), np.array(list(shares.values())), version)
    return cushion.scaled(collateral, dict(zip(names, factors.tolist(), strict=True)))


def weakened(positions: pl.DataFrame, collateral: pl.DataFrame, members: Members, m: Market, weak: Weak) -> pl.DataFrame:
    """The collateral after withdrawals that leave the weak accounts with their share of the requirement."""
    result = _withdrawn(positions, collateral, members, m, weak.call, INITIAL)
    return _withdrawn(positions, result, members, m, weak.liquidation, MAINTENANCE)


def choose_weak(
    positions: pl.DataFrame,
    collateral: pl.DataFrame,
    members: Members,
    m: Market,
    calls: int,
    liquidations: int,
    before: Weak,
    shocks: Sequence[Market],
    rng: np.random.Generator,
) -> Weak:
    """Accounts that can be put into a call, or into liquidation, and keep their equity, also after most `shocks`; no market makers.

    (Else their owners would default in every scenario, and hide what the scenarios are about.) Most of those that were weak the day
    `before` still are; the others have paid.
    """
    accounts = members.accounts
    h = net_positions(positions, accounts, m)
    pools = np.bincount(h.pool_account, minlength=accounts.height)
    need = requirements(h, m, accounts)
    size = np.bincount(h.pool_account, need[INITIAL], accounts.height)
    client = ~accounts["segment"].is_in(["market_maker"]).to_numpy()
    loans = accounts["account_id"].is_in(collateral.filter(pl.col("quantity") < 0)["account_id"].unique().to_list()).to_numpy()
    candidates = np.flatnonzero((pools == 1) & client & ~loans & (size > 400.0))
    shares = dict(zip(candidates.tolist(), rng.uniform(0.86, 0.97, len(candidates)).round(3).tolist(), strict=True))
    lower = dict.fromkeys(shares, 0.9)

    def able(share: dict[int, float], version: int, status: int) -> list[int]:
        """Candidates that get that status with collateral for that share of the requirement, and mostly survive."""
        withdrawn = _withdrawn(positions, collateral, members, m, share, version)
        figures = margins(accounts, positions, withdrawn, m)
        survived = np.zeros(accounts.height, dtype=np.int64)
        tokens = posted_tokens(h, m, accounts, withdrawn)
        for after in shocks:
            equity = (tokens * after.value).sum(axis=1) + np.bincount(h.pool, position_values(h, after), len(h.pool_account))
            survived += np.bincount(h.pool_account, equity, accounts.height) > 0.0
        return [a for a in candidates.tolist() if figures.status[a] == status and figures.equity[a] > 0.0 and survived[a] >= len(shocks) - 1]

    segments, owner = accounts["segment"].to_list(), accounts["owner_id"].to_list()
    turn = ["retail", "hedge_fund", "clearing_client", "prop", "corporate", "clearing_client", "hedge_fund", "prop"]

    def spread(fit: list[int], count: int, still: list[int], taken: set[int]) -> list[int]:
        """Those that still are, then one account an owner, the segments in turn."""
        chosen = [a for a in still if a in fit][:count]
        order = rng.permutation(fit).tolist()
        while len(chosen) < count:
            owners = {owner[a] for a in (*chosen, *taken)}
            chosen.append(next(a for a in order if segments[a] == turn[len(chosen) % len(turn)] and owner[a] not in owners))
        return chosen

    liquidation = spread(able(lower, MAINTENANCE, 2), liquidations, list(before.liquidation), set(before.call))
    call = spread(able(shares, INITIAL, 1), calls, list(before.call)[: calls // 2], set(liquidation))
    return Weak({a: shares[a] for a in call}, {a: lower[a] for a in liquidation})


def calls_met(
    trades_margin: Floats, isolated_rows: dict[str, int], positions: pl.DataFrame, collateral: pl.DataFrame, members: Members, m: Market, weak: Weak
) -> tuple[Floats, pl.DataFrame]:
    """Deposits of all other accounts below 104 % of their initial requirement, up to 112 %: dollars or USDC, isolated pools in their settle asset.

    Args:
        trades_margin: isolated margin per netted position.
        isolated_rows: place of an isolated position by account and pool name, as `account|pool`.
    """
    accounts = members.accounts
    h = net_positions(positions, accounts, m)
    balance = margin_balances(position_share(h, m, accounts), m, posted_tokens(h, m, accounts, collateral))[INITIAL]
    need = requirements(h, m, accounts)[INITIAL]
    names = accounts["account_id"].to_list()
    cash = np.where(accounts["segment"].is_in(["retail", "market_maker", "prop"]).to_numpy(), "USDC", "USD")
    result = trades_margin.copy()
    flows: list[tuple[int, int, float]] = []
    for pool in np.flatnonzero(balance < 1.04 * need):
        account = int(h.pool_account[pool])
        missing = float(1.12 * need[pool] - balance[pool])
        if h.pool_names[pool] == "cross":
            if account not in weak.accounts:
                asset = m.assets.index(str(cash[account]))
                flows.append((account, asset, missing / float(m.value[asset]) * 1.01))
            continue
        row = isolated_rows[f"{names[account]}|{h.pool_names[pool]}"]
        settle = m.settle[m.instruments.index(h.pool_names[pool].rsplit(":", 1)[0])]
        result[row] = round(float(result[row] + missing / m.value[settle] * 1.25), 6)
    return result, booked(collateral, members, m, flows)
