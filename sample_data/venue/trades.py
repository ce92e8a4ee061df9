"""Positions: how each style of account trades, market makers opposite, and one day of trading.

Every contract is held long as often as short: what clients hold net, market makers hold the other way round. Quantities
are whole steps, so that this is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from venue.market import BY_ASSET, UNDERLYINGS, Listing, significant
from venue.members import SEGMENTS, Members
from venue.official_margin import Floats, Market
from venue.planted import PLANTED

POSITIONS = 25_000
LOTS = 700
"""Rows that are second lots of a position."""
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Trades:
    """Netted positions; `steps` are whole multiples of the instrument's step.

    `isolated_margin` is in settle units; `lot_share` is the part of the position held in a first lot, 0 where there is one lot only.
    """

    account: Integers
    instrument: Integers
    steps: Integers
    entry: Floats
    isolated: npt.NDArray[np.bool_]
    isolated_margin: Floats
    leverage: Floats
    funding: Floats
    lot_share: Floats


# style -> (average number of positions, share of longs, instrument groups with weights)
_STYLES: dict[str, tuple[float, float, dict[str, float]]] = {
    "retail_perpetual": (4.2, 0.62, {"usdt_perpetual": 1.0, "usdc_perpetual": 0.3, "tradfi_perpetual": 0.5}),
    "retail_coin_margined": (2.6, 0.58, {"inverse_perpetual": 1.0, "quanto": 1.0}),
    "retail_options": (6.0, 0.75, {"coin_option": 1.0, "usdt_perpetual": 0.3}),
    "retail_spot": (2.2, 1.0, {"spot": 1.0}),
    "directional_coins": (20.0, 0.52, {"usdt_perpetual": 1.0, "usdc_perpetual": 0.8, "inverse_perpetual": 1.2, "coin_future": 1.0, "quanto": 0.6}),
    "concentrated": (3.0, 0.9, {"usdt_perpetual": 1.0}),
    "trend": (
        20.0,
        0.5,
        {"index_future": 1.0, "fx_future": 1.0, "energy_future": 1.0, "metal_future": 1.2, "grain_future": 1.0, "usdc_perpetual": 0.05},
    ),
    "short_vol": (26.0, 0.14, {"coin_option": 1.0, "index_option": 0.9, "commodity_option": 1.0}),
    "long_vol": (20.0, 0.85, {"coin_option": 1.0, "index_option": 1.2, "commodity_option": 0.6}),
    "relative_value": (
        22.0,
        0.5,
        {"usdt_perpetual": 1.0, "usdc_perpetual": 1.0, "coin_future": 4.0, "inverse_future": 4.0, "index_future": 1.5, "energy_future": 2.0},
    ),
    "basis": (9.0, 0.03, {"inverse_perpetual": 1.5, "inverse_future": 4.0, "coin_future": 3.0, "usdc_perpetual": 0.5}),
    "macro": (
        22.0,
        0.5,
        {"index_future": 1.0, "fx_future": 1.2, "metal_future": 1.0, "energy_future": 0.7, "index_option": 0.25, "commodity_option": 0.3},
    ),
    "miner": (4.0, 0.04, {"inverse_perpetual": 0.6, "inverse_future": 3.0, "coin_future": 0.8}),
    "oil_hedger": (5.0, 0.92, {"energy_future": 1.0}),
    "fx_hedger": (4.0, 0.2, {"fx_future": 1.0}),
    "farmer": (3.5, 0.08, {"grain_future": 1.0}),
    "futures_client": (9.0, 0.53, {"index_future": 1.0, "fx_future": 0.8, "energy_future": 1.0, "metal_future": 0.8, "grain_future": 1.2}),
    "index_options": (12.0, 0.45, {"index_option": 1.0, "index_future": 0.2}),
    "flat": (0.0, 0.5, {}),
    "maker": (0.0, 0.5, {}),
}


def _group(item: Listing) -> str:
    u = BY_ASSET[item.underlying]
    coin = u.asset_class == "crypto"
    if item.kind == "option":
        return "coin_option" if coin else "index_option" if u.asset_class == "equity" else "commodity_option"
    if item.kind == "spot":
        return "spot"
    if item.payoff == "quanto":
        return "quanto"
    if item.kind == "perpetual":
        return "inverse_perpetual" if item.payoff == "inverse" else "tradfi_perpetual" if not coin else f"{item.quote.lower()}_perpetual"
    if coin:
        return "inverse_future" if item.payoff == "inverse" else "coin_future"
    return "index_future" if u.asset_class == "equity" else "fx_future" if u.asset_class in ("cash", "fx") else f"{u.tags[0]}_future"


def _client_positions(members: Members, listed: tuple[Listing, ...], unit: Floats, rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """(account, instrument, steps) of everyone but the market makers; `unit` is the notional of one step."""
    groups = np.array([_group(item) for item in listed])
    popularity = np.array([item.popularity for item in listed])
    spreads = {name: (notional, dispersion) for name, (_, _, notional, dispersion, _) in SEGMENTS.items()}
    trend = {u.asset: 1 if rng.random() < 0.55 else -1 for u in UNDERLYINGS} | {"XAU": 1, "SPX": 1, "NDX": 1, "JPY": -1, "WTI-F27": -1}
    weights = {}
    for style, (_, _, shares) in _STYLES.items():
        weight = np.zeros(len(listed))
        for group, share in shares.items():
            weight[groups == group] = share * popularity[groups == group]
        weights[style] = weight / weight.sum() if shares else weight
    rows = []
    for account, (segment, style) in enumerate(zip(members.accounts["segment"], members.styles, strict=True)):
        average, long_share, _ = _STYLES[style]
        if average == 0.0:
            continue
        available = int(np.count_nonzero(weights[style]))
        count = min(max(1, int(rng.poisson(average))), available)
        chosen = np.sort(rng.choice(len(listed), size=count, replace=False, p=weights[style]))
        median, dispersion = spreads[segment]
        gross = median * float(np.exp(rng.normal(0.0, dispersion))) * {"concentrated": 3.5, "basis": 1.5, "short_vol": 0.9}.get(style, 1.0)
        parts = rng.dirichlet(np.full(count, 1.3)) * gross
        # An account leans one way: its own share of longs scatters around that of its style.
        lean = float(rng.beta(long_share * 4 + 0.1, (1 - long_share) * 4 + 0.1)) if 0.05 < long_share < 0.95 else long_share
        for instrument, part in zip(chosen, parts, strict=True):
            item = listed[instrument]
            sign = 1 if rng.random() < lean else -1
            if style in ("trend", "oil_hedger") and rng.random() < 0.6:
                sign = trend[item.underlying] if style == "trend" else 1
            if style in ("short_vol", "basis", "directional_coins") and groups[instrument] == "index_option":
                sign = -1 if style == "short_vol" else sign
            # Options are bought and sold in sizes that look large beside their premium, but not beside a future.
            scale = 0.7 if item.kind == "option" else 1.0
            rows.append((account, int(instrument), sign * max(1, round(part * scale / unit[instrument]))))
    number = {account: place for place, account in enumerate(members.accounts["account_id"])}
    place = {item.instrument_id: i for i, item in enumerate(listed)}
    return rows + [
        (number[case.account_id], place[name], round(contracts / listed[place[name]].step))
        for case in PLANTED
        for name, contracts in case.contracts.items()
    ]


def _maker_positions(
    members: Members, listed: tuple[Listing, ...], clients: list[tuple[int, int, int]], unit: Floats, delta: Floats, rng: np.random.Generator
) -> list[tuple[int, int, int]]:
    """The other side: each instrument's client net shared among the makers of its underlying, plus trades among themselves, hedged.

    `delta` is dollars of underlying per step. After the hedge each maker carries its share of the makers' net delta.
    """
    makers = np.flatnonzero(np.array([style == "maker" for style in members.styles]))
    capacity = rng.gamma(2.5, 1.0, len(makers))
    by_underlying = {u.asset: [i for i, item in enumerate(listed) if item.underlying == u.asset] for u in UNDERLYINGS}
    crowd = {"BTC": 26, "ETH": 22, "SPX": 16, "SOL": 14, "NDX": 10, "SX5E": 10}
    quoting = {u.asset: np.sort(rng.choice(len(makers), size=crowd.get(u.asset, 7), replace=False, p=capacity / capacity.sum())) for u in UNDERLYINGS}
    held = np.zeros((len(listed), len(makers)), dtype=np.bool_)
    main = {asset: next(i for i in rows) for asset, rows in by_underlying.items()}
    for asset, rows in by_underlying.items():
        for i in rows:
            held[i, quoting[asset] if i == main[asset] else rng.choice(quoting[asset], size=min(5, len(quoting[asset])), replace=False)] = (
                listed[i].kind != "spot"
            )
    # Fill up to the promised number of rows: more makers in instruments drawn by popularity.
    wanted = POSITIONS - LOTS - len(clients)
    if wanted < np.count_nonzero(held):
        raise ValueError(f"{wanted} rows are left for market makers, and they need {np.count_nonzero(held)}")
    popularity = np.array([item.popularity for item in listed])
    free = np.zeros_like(held)
    for asset, rows in by_underlying.items():
        for i in rows:
            if listed[i].kind != "spot":
                free[i, quoting[asset]] = ~held[i, quoting[asset]]
    spots_i, spots_m = np.nonzero(free)
    weight = popularity[spots_i]
    extra = rng.choice(len(spots_i), size=wanted - np.count_nonzero(held), replace=False, p=weight / weight.sum())
    held[spots_i[extra], spots_m[extra]] = True
    net = np.zeros(len(listed), dtype=np.int64)
    for _, instrument, steps in clients:
        net[instrument] += steps
    steps = np.zeros(held.shape, dtype=np.int64)
    for i, item in enumerate(listed):
        who = np.flatnonzero(held[i])
        if not len(who):
            continue
        share = capacity[who] / capacity[who].sum()
        size = (90_000.0 if item.kind == "option" else 420_000.0) * float(np.exp(rng.normal(0.0, 0.8))) * (0.5 + min(popularity[i], 12.0) / 4.0)
        among = rng.normal(0.0, 1.0, len(who)) * size / unit[i]
        steps[i, who] = np.rint(-net[i] * share + among - among.mean()).astype(np.int64)
        steps[i, who[-1]] -= net[i] + steps[i].sum()
    for asset, rows in by_underlying.items():
        who, hedge = quoting[asset], main[asset]
        exposure = (steps[np.ix_(rows, who)] * delta[rows][:, None]).sum(axis=0)
        share = capacity[who] / capacity[who].sum()
        trade = np.rint((share * exposure.sum() - exposure) / delta[hedge]).astype(np.int64)
        trade[-1] -= trade.sum()
        steps[hedge, who] += trade
    for i in range(len(listed)):  # no empty rows: one step against the largest holder
        who = np.flatnonzero(held[i])
        for maker in who[steps[i, who] == 0]:
            other = who[np.argmax(np.abs(steps[i, who]))]
            lot = -1 if steps[i, other] == 1 else 1
            steps[i, maker] += lot
            steps[i, other] -= lot
    return [(int(makers[m]), int(i), int(steps[i, m])) for i, m in zip(*np.nonzero(held), strict=True)]


def open_trades(members: Members, listed: tuple[Listing, ...], market: Market, delta: Floats, rng: np.random.Generator) -> Trades:
    """Everybody's positions on the first day."""
    step = np.array([item.step for item in listed])
    unit = market.notional * step
    clients = _client_positions(members, listed, unit, rng)
    makers = _maker_positions(members, listed, clients, unit, delta * step, rng)
    rows = np.array(sorted(clients + makers), dtype=np.int64)
    account, instrument, steps = rows[:, 0], rows[:, 1], rows[:, 2]
    count = len(rows)
    vol = np.array([BY_ASSET[item.underlying].vol for item in listed])[instrument]
    option = market.is_option[instrument]
    maker = np.array([style == "maker" for style in members.styles])[account]
    drift = rng.normal(0.0, 1.0, count) * np.where(option, 0.22, vol * np.where(maker, 0.02, 0.07))
    entry = significant(market.mark[instrument] * np.exp(np.clip(drift, -0.8, 0.8)), 7)
    retail = (members.accounts["segment"] == "retail").to_numpy()[account]
    perpetual = (market.kind == "perpetual")[instrument]
    isolated = retail & perpetual & (rng.random(count) < 0.08)
    leverage = np.where(
        retail & perpetual & (isolated | (rng.random(count) < 0.25)), rng.choice([2.0, 3.0, 3.0, 5.0, 5.0, 10.0, 20.0], size=count), np.nan
    )
    settle_notional = np.abs(steps) * unit[instrument] / market.value[market.settle[instrument]]
    funding = np.where(perpetual, -np.sign(steps) * settle_notional * rng.normal(0.00006, 0.00003, count), 0.0)
    lots = np.zeros(count)
    lots[rng.choice(np.flatnonzero(~isolated & (np.abs(steps) >= 4)), size=LOTS, replace=False)] = np.round(rng.uniform(0.25, 0.75, LOTS), 3)
    return Trades(account, instrument, steps, entry, isolated, np.zeros(count), leverage, np.round(funding, 6), lots)


def trade_one_day(
    trades: Trades, listed: tuple[Listing, ...], market: Market, idle: set[int], rng: np.random.Generator
) -> tuple[Trades, list[tuple[int, int, float]]]:
    """Some positions trade, close and open at the new marks; most stay. Also the cash flows (account, asset, units): realised P&L and premiums.

    Every trade has a buyer and a seller in the same instrument; lines that are opened replace as many that are closed. `idle` accounts do not trade.
    """
    lines: dict[str, list[Any]] = {name: list(getattr(trades, name)) for name in trades.__dataclass_fields__}
    step = np.array([item.step for item in listed])
    flows: list[tuple[int, int, float]] = []

    def deal(row: int, change: int) -> None:
        """One side of a trade at the mark."""
        i, before = int(lines["instrument"][row]), int(lines["steps"][row])
        price, entry, after = float(market.mark[i]), float(lines["entry"][row]), before + change
        account, unit = int(lines["account"][row]), float(step[i] * market.size[i])
        closed = -np.sign(before) * min(abs(change), abs(before)) if before * change < 0 else 0
        if market.is_asset_like[i]:
            flows.append((account, int(market.quote[i]), -change * unit * price))
        elif closed:
            gain = (1.0 / entry - 1.0 / price) if market.payoff[i] == "inverse" else price - entry
            flows.append((account, int(market.settle[i]), -closed * unit * gain))
        if before * after <= 0:
            lines["entry"][row] = price
        elif abs(after) > abs(before):
            blended = (
                abs(after) / (abs(before) / entry + abs(change) / price)
                if market.payoff[i] == "inverse"
                else (abs(before) * entry + abs(change) * price) / abs(after)
            )
            lines["entry"][row] = float(significant(np.array(blended), 7))
        lines["steps"][row] = after

    instrument = trades.instrument
    free = ~trades.isolated & ~np.isin(trades.account, list(idle)) & (np.array([item.kind for item in listed]) != "spot")[instrument]
    movable = np.flatnonzero(free)
    closing, traded = np.split(rng.choice(movable, size=1_700, replace=False), [420])
    may_trade = free.copy()
    may_trade[closing] = False

    def partner(row: int, change: int) -> int | None:
        """The other side: a line of the instrument at least twice the size of the trade, the large ones first; none if there is none."""
        same = np.flatnonzero(may_trade & (instrument == instrument[row]))
        able = [int(r) for r in same if r != row and abs(lines["steps"][r]) >= 2 * abs(change)]
        if not able:
            return None
        sizes = np.array([abs(lines["steps"][r]) for r in able], dtype=np.float64)
        return able[int(rng.choice(len(able), p=sizes / sizes.sum()))]

    closed_lines: list[int] = []
    for row in traded.tolist():
        size = max(1, int(abs(lines["steps"][row]) * rng.uniform(0.05, 0.6)))
        change = size if rng.random() < 0.5 else -size
        other = partner(row, change)
        if other is not None and lines["steps"][row] + change != 0:
            deal(row, change)
            deal(other, -change)
    for row in closing.tolist():
        change = -int(lines["steps"][row])
        other = partner(row, change)
        if other is not None:
            deal(row, change)
            deal(other, -change)
            closed_lines.append(row)
    taken = {(int(a), int(i)) for a, i in zip(trades.account, instrument, strict=True)}
    unit = market.notional * step
    opened = 0
    while opened < len(closed_lines):
        model, other = (int(r) for r in rng.choice(movable, size=2))
        account, i = int(trades.account[model]), int(instrument[other])
        # About as large as what the account holds already, and no more than the other side can take.
        steps = round(abs(trades.steps[model]) * unit[instrument[model]] * rng.uniform(0.3, 1.0) / unit[i])
        if steps == 0 or (account, i) in taken or not may_trade[other] or abs(lines["steps"][other]) < 2 * steps:
            continue
        taken.add((account, i))
        new = {
            "account": account,
            "instrument": i,
            "steps": 0,
            "entry": market.mark[i],
            "isolated": False,
            "isolated_margin": 0.0,
            "leverage": np.nan,
            "funding": 0.0,
            "lot_share": 0.0,
        }
        for name, item in new.items():
            lines[name].append(item)
        change = int(steps) if rng.random() < 0.5 else -int(steps)
        deal(len(lines["steps"]) - 1, change)
        deal(other, -change)
        opened += 1
    fields = {name: np.array(column) for name, column in lines.items()}
    keep = np.ones(len(fields["steps"]), dtype=np.bool_)
    keep[closed_lines] = False
    fields = {name: column[keep] for name, column in fields.items()}
    # As many second lots as before, so that the number of rows stays: lines now too small to have two give way to others.
    lots = fields["lot_share"]
    lots[np.abs(fields["steps"]) < 4] = 0.0
    spare = np.flatnonzero((lots == 0.0) & ~fields["isolated"] & (np.abs(fields["steps"]) >= 4))
    lots[rng.choice(spare, size=LOTS - np.count_nonzero(lots), replace=False)] = 0.5
    perpetual = (market.kind == "perpetual")[fields["instrument"]]
    notional = fields["steps"] * (market.notional * step / market.value[market.settle])[fields["instrument"]]
    fields["funding"] = np.round(fields["funding"] - np.where(perpetual, notional * rng.normal(0.00008, 0.00004, len(notional)), 0.0), 6)
    return Trades(**fields), flows


def positions(trades: Trades, members: Members, listed: tuple[Listing, ...]) -> pl.DataFrame:
    """The positions table, lots apart, sorted."""
    accounts = members.accounts["account_id"].to_numpy()
    names = np.array([item.instrument_id for item in listed])
    step = np.array([item.step for item in listed])
    split = trades.lot_share > 0.0
    first = np.where(split, np.trunc(trades.steps * trades.lot_share).astype(np.int64), trades.steps)
    first = np.where(split & (first == 0), np.sign(trades.steps), first)
    everything = np.ones(len(split), dtype=np.bool_)

    def rows(mask: npt.NDArray[np.bool_], steps: Integers, entry: Floats, funding: Floats) -> pl.DataFrame:
        isolated = trades.isolated[mask]
        return pl.DataFrame(
            {
                "account_id": accounts[trades.account[mask]],
                "instrument_id": names[trades.instrument[mask]],
                "quantity": np.round(steps[mask] * step[trades.instrument[mask]], 6),
                "entry_price": significant(entry[mask], 7),
                "margin_mode": np.where(isolated, "isolated", "cross"),
                "isolated_margin": pl.Series(np.where(isolated, trades.isolated_margin[mask], np.nan), nan_to_null=True),
                "leverage": pl.Series(trades.leverage[mask], nan_to_null=True),
                "accrued_funding": funding[mask],
            }
        )

    # The entries of two lots lie around that of the position.
    away = np.where(split, 0.004, 0.0)
    table = pl.concat(
        [
            rows(everything, first, trades.entry * (1.0 + away), trades.funding),
            rows(split, trades.steps - first, trades.entry * (1.0 - away), np.zeros(len(split))),
        ]
    )
    return table.sort("account_id", "instrument_id", "margin_mode", "quantity", "entry_price")
