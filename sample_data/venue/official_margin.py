"""The venue's own margin system: equity, margin balances and requirements at the marks, in NumPy.

This is what fills the `reported_*` columns. It follows the venue's rulebook (`margin_rules.py`) and shares no code with
the stress test, so that reconciling the two is a comparison of two derivations. All money is in US dollars; pairs and
leading axes of length two are (maintenance, initial).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from venue.holdings import Codes, Flags, Holdings, Market, Names, net_positions, position_values, posted_tokens
from venue.margin_rules import HAIRCUTS, MODELS, TIERS, HaircutSchedule, MarginModel, TierSchedule
from venue.underlyings import Floats

MAINTENANCE, INITIAL = 0, 1


def _counted(schedule: HaircutSchedule, balance: Floats, price: float, currency_value: float, version: int) -> Floats:
    """What dollar balances count for: band by band where positive, times the liability weight where negative."""
    unit = price if schedule.basis == "quantity" else currency_value
    result = np.minimum(balance, 0.0) * schedule.liability[version]
    for place, band in enumerate(schedule.bands):
        top = schedule.bands[place + 1][0] * unit if place + 1 < len(schedule.bands) else np.inf
        result += np.clip(np.minimum(balance, top) - band[0] * unit, 0.0, None) * (1.0 - band[1 + version])
    return result


def _models(accounts: pl.DataFrame, h: Holdings) -> list[tuple[MarginModel, Flags]]:
    names = accounts["margin_model"].to_numpy()[h.pool_account]
    return [(model, np.asarray(names == name)) for name, model in MODELS.items()]


@dataclass(frozen=True)
class PositionShare:
    """What positions bring to the margin balance: dollars joining a token's balance [2, pools, assets], and dollars added as they are [2, pools]."""

    tokens: Floats
    direct: Floats


def position_share(h: Holdings, m: Market, accounts: pl.DataFrame) -> PositionShare:
    """Steps 1, 2 and 4 of the margin balance: P&L into the settle token or as value, spot into its token, paid options with their credit."""
    value = position_values(h, m)
    pools = len(h.pool_account)
    pnl = ~m.is_asset_like[h.instrument]
    spot = m.kind[h.instrument] == "spot"
    paid = m.is_option[h.instrument] & ~pnl
    tokens, direct = np.zeros((2, pools, len(m.assets))), np.zeros((2, pools))
    for version in (MAINTENANCE, INITIAL):
        np.add.at(tokens[version], (h.pool[spot], m.underlying[h.instrument[spot]]), value[spot])
        for model, members in _models(accounts, h):
            mine = members[h.pool]
            rows = mine & pnl
            weighted = np.where(value > 0.0, value * model.positive_pnl_weight[version], value)[rows]
            if model.pnl_into == "settle_balance":
                np.add.at(tokens[version], (h.pool[rows], m.settle[h.instrument[rows]]), weighted)
            else:
                direct[version] += np.bincount(h.pool[rows], weighted, pools)
            rows = mine & paid
            direct[version] += np.bincount(h.pool[rows], np.where(value > 0.0, value * model.long_option_credit, value)[rows], pools)
    return PositionShare(tokens, direct)


def margin_balances(share: PositionShare, m: Market, tokens: Floats) -> Floats:
    """Margin balance [2, pools] of `tokens` [pools, assets] units posted, together with positions: net per token, then haircuts."""
    result = share.direct.copy()
    for asset, schedule in enumerate(m.haircut):
        balance = share.tokens[:, :, asset] + tokens[:, asset] * m.value[asset]
        if schedule is not None:
            rule = HAIRCUTS[schedule]
            for version in (MAINTENANCE, INITIAL):
                result[version] += _counted(rule, balance[version], float(m.value[asset]), float(m.value[m.assets.index(rule.currency)]), version)
        elif np.any(balance):
            raise ValueError(f"{m.assets[asset]} is held or settled in, and has no haircut schedule")
    return result


def _tiered(schedule: TierSchedule, notional: Floats, contracts: Floats, version: int) -> Floats:
    """Requirement in the schedule's currency of absolute notionals in that currency."""
    if schedule.amount is not None:
        return schedule.amount[version] * contracts
    edges = np.array([tier[0] for tier in schedule.tiers])
    rates = np.array([tier[1 + version] for tier in schedule.tiers])
    measure = contracts if schedule.basis == "contracts" else notional
    if schedule.convention == "marginal":
        inside = np.clip(np.minimum(measure[:, None], np.append(edges[1:], np.inf)) - edges, 0.0, None)
        charged = inside @ rates
        return (
            charged * np.divide(notional, contracts, out=np.zeros_like(notional), where=contracts > 0) if schedule.basis == "contracts" else charged
        )
    reached = np.searchsorted(edges, measure, side="right") - 1
    if schedule.convention == "whole":
        return rates[reached] * notional
    deductions = np.array([tier[3 + version] for tier in schedule.tiers])
    return np.maximum(0.0, rates[reached] * notional - deductions[reached])


def _scheduled(names: Names, notional: Floats, contracts: Floats, m: Market, version: int) -> Floats:
    """Dollar requirement of dollar notionals, each by its own schedule; nothing without one."""
    result = np.zeros(len(notional))
    for name in np.unique(names[names != ""]).tolist():
        rows = names == name
        rate = float(m.value[m.assets.index(TIERS[name].currency)])
        result[rows] = _tiered(TIERS[name], notional[rows] / rate, contracts[rows], version) * rate
    return result


def _option_requirements(h: Holdings, m: Market, credit: Floats, version: int) -> Floats:
    """Dollar requirement of option rows: formula or tiers where short; a margined one held long needs what it is worth, less the credit."""
    i = h.instrument
    spot = m.value[m.underlying[i]] / m.value[m.strike_currency[i]]
    result = _scheduled(m.schedule[i], np.abs(h.quantity) * m.notional[i], np.abs(h.quantity), m, version)
    for name in np.unique(m.schedule[i[m.is_option[i]]]).tolist():
        rule = TIERS[name].short_option
        if rule is not None:
            rows = m.schedule[i] == name
            out_of_the_money = np.maximum(0.0, m.sign[i] * (m.strike[i] - spot))
            base = spot if rule.base == "underlying" else m.strike[i]
            per_unit = np.maximum(rule.rate[version] * spot - out_of_the_money, rule.minimum[version] * base)
            result = np.where(rows, per_unit * m.size[i] * np.abs(h.quantity) * m.value[m.strike_currency[i]], result)
    worth = m.size[i] * h.quantity * m.mark[i] * m.value[m.quote[i]]
    return np.where(h.quantity < 0, result, np.where(m.margined[i], (1.0 - credit) * worth, 0.0))


def requirements(h: Holdings, m: Market, accounts: pl.DataFrame) -> Floats:
    """Requirement [2, pools], credit multiplier included."""
    pools = len(h.pool_account)
    i = h.instrument
    option = m.is_option[i]
    notional = np.abs(h.quantity) * m.notional[i]
    result = np.zeros((2, pools))
    credit, by_underlying = np.zeros(pools), np.zeros(pools, dtype=np.bool_)
    spread = np.zeros((2, pools))
    for model, members in _models(accounts, h):
        credit[members] = model.long_option_credit
        by_underlying[members] = model.net_by == "underlying"
        spread[:, members] = np.array(model.spread_rate)[:, None]
    netted = by_underlying[h.pool] & ~option
    single = ~by_underlying[h.pool] & ~option
    # Futures of one underlying: net per expiry, then long against short expiries.
    signed = np.sign(h.quantity) * notional
    expiries, expiry = np.unique(m.expiry[i], return_inverse=True)
    group, leg = np.unique((h.pool * len(m.assets) + m.underlying[i])[netted] * len(expiries) + expiry[netted], return_inverse=True)
    nets = np.bincount(leg, signed[netted], len(group))
    keys, place = np.unique(group // len(expiries), return_inverse=True)
    long = np.bincount(place, np.maximum(nets, 0.0), len(keys))
    short = np.bincount(place, np.maximum(-nets, 0.0), len(keys))
    group_leverage = np.full(len(keys), np.inf)
    np.minimum.at(group_leverage, place[leg], h.leverage[netted])
    group_pool, group_asset = keys // len(m.assets), keys % len(m.assets)
    for version in (MAINTENANCE, INITIAL):
        options = np.where(option, _option_requirements(h, m, credit[h.pool], version), 0.0)
        charged = _scheduled(m.schedule[i], notional, np.abs(h.quantity), m, version)
        net = _scheduled(m.net_schedule[group_asset], np.abs(long - short), np.zeros(len(keys)), m, version)
        net = net + spread[version, group_pool] * np.minimum(long, short)
        if version == INITIAL:
            charged = np.maximum(charged, np.where(m.schedule[i] != "", notional / h.leverage, 0.0))
            net = np.maximum(net, np.abs(long - short) / group_leverage)
        result[version] = np.bincount(h.pool, options + np.where(single, charged, 0.0), pools) + np.bincount(group_pool, net, pools)
    return result * accounts["margin_multiplier"].to_numpy()[h.pool_account]


@dataclass(frozen=True)
class Margins:
    """Figures per account; `pool_*` per pool. `status`: 0 ok, 1 call, 2 liquidation, 3 default."""

    equity: Floats
    balance: Floats
    requirement: Floats
    status: Codes
    pool_account: Codes
    pool_equity: Floats
    pool_balance: Floats
    pool_requirement: Floats
    pool_names: tuple[str, ...]


def margins(accounts: pl.DataFrame, positions: pl.DataFrame, collateral: pl.DataFrame, m: Market) -> Margins:
    """Everything the venue reports, for all accounts at the marks of `m`."""
    h = net_positions(positions, accounts, m)
    tokens = posted_tokens(h, m, accounts, collateral)
    pools, count = len(h.pool_account), accounts.height
    equity = (tokens * m.value).sum(axis=1) + np.bincount(h.pool, position_values(h, m), pools)
    balance = margin_balances(position_share(h, m, accounts), m, tokens)
    requirement = requirements(h, m, accounts)
    gross = np.bincount(h.pool, np.abs(h.quantity) * m.notional[h.instrument], pools)
    tolerance = np.maximum(0.01, 1e-9 * gross)
    code = np.select([equity < -tolerance, balance[0] < requirement[0] - tolerance, balance[1] < requirement[1] - tolerance], [3, 2, 1], 0)
    status = np.zeros(count, dtype=np.int64)
    np.maximum.at(status, h.pool_account, code)

    def per_account(figures: Floats) -> Floats:
        return np.bincount(h.pool_account, figures, count)

    return Margins(
        per_account(equity),
        np.stack([per_account(b) for b in balance]),
        np.stack([per_account(r) for r in requirement]),
        status,
        h.pool_account,
        equity,
        balance,
        requirement,
        h.pool_names,
    )
