"""The positions of a day.

Every contract is held long as often as short: what clients hold net, market makers hold the other way round. Quantities
are whole steps, so that this is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from venue.clients import client_positions
from venue.holdings import Market
from venue.listings import Listing
from venue.makers import maker_positions
from venue.members import Members
from venue.underlyings import BY_ASSET, Floats, significant

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


def open_trades(members: Members, listed: tuple[Listing, ...], market: Market, delta: Floats, rng: np.random.Generator) -> Trades:
    """Everybody's positions on the first day."""
    step = np.array([item.step for item in listed])
    unit = market.notional * step
    clients = client_positions(members, listed, unit, rng)
    makers = maker_positions(members, listed, clients, unit, delta * step, POSITIONS - LOTS - len(clients), rng)
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
