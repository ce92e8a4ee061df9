"""Makes the two daily snapshots of the sample venue: `python sample_data/make_sample.py [FOLDER]`.

Seeded and deterministic: the same files, byte for byte, every time. README.md tells what is in them. The venue's own
figures (`reported_*`) come from `venue/official_margin.py`, which shares nothing with the stress test.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from venue import calls, cushion
from venue import trades as trading
from venue.history import history
from venue.holdings import Market, market, net_positions
from venue.listings import Listing, listings
from venue.members import Members, members
from venue.official_margin import INITIAL, MAINTENANCE, Margins, margins
from venue.planted import BY_ACCOUNT, with_styles
from venue.prices import instruments
from venue.shocks import deltas, shocked_markets
from venue.trading_day import trade_one_day
from venue.underlyings import assets

SEED = 20261113
DAYS = (datetime(2026, 11, 12, 21, tzinfo=UTC), datetime(2026, 11, 13, 21, tzinfo=UTC))
THIN_OWNERS = 11
EARLIER_WEAK, LATER_WEAK = (8, 1), (11, 2)
"""Accounts in call and in liquidation on each day; some of the first day's have paid by the second."""


@dataclass(frozen=True)
class Day:
    """Everything of one snapshot before it is written."""

    as_of: datetime
    instruments: pl.DataFrame
    assets: pl.DataFrame
    market: Market
    trades: trading.Trades
    positions: pl.DataFrame
    collateral: pl.DataFrame
    margins: Margins


def _isolated_rows(trades: trading.Trades, who: Members, listed: tuple[Listing, ...]) -> dict[str, int]:
    names = who.accounts["account_id"].to_list()
    return {
        f"{names[trades.account[row]]}|{listed[trades.instrument[row]].instrument_id}:{'short' if trades.steps[row] < 0 else 'long'}": int(row)
        for row in np.flatnonzero(trades.isolated)
    }


def _closed(
    as_of: datetime,
    i: pl.DataFrame,
    a: pl.DataFrame,
    trades: trading.Trades,
    collateral: pl.DataFrame,
    who: Members,
    listed: tuple[Listing, ...],
    weak: calls.Weak,
) -> Day:
    """The end of a day: weak accounts draw their collateral down, all others meet their calls, the venue computes its margins."""
    m = market(i, a)
    for _ in range(2):
        table = trading.positions(trades, who, listed)
        collateral = calls.weakened(table, collateral, who, m, weak)
        margin, collateral = calls.calls_met(trades.isolated_margin, _isolated_rows(trades, who, listed), table, collateral, who, m, weak)
        trades = replace(trades, isolated_margin=margin)
    table = trading.positions(trades, who, listed)
    figures = margins(who.accounts, table, collateral, m)
    expected = np.zeros(who.accounts.height, dtype=np.int64)
    expected[list(weak.call)] = 1
    expected[list(weak.liquidation)] = 2
    if not np.array_equal(figures.status, expected):
        wrong = who.accounts["account_id"].filter(pl.Series(figures.status != expected))
        raise ValueError(f"{len(wrong)} accounts have another status than planned: {', '.join(wrong.head(5))}")
    return Day(as_of, i, a, m, trades, table, collateral, figures)


def make_days() -> tuple[Members, Day, Day]:
    """The venue on both days."""
    rng = np.random.default_rng(SEED)
    listed = listings(DAYS[0])
    a = assets(0, DAYS[0], rng)
    i = instruments(listed, a, 0, DAYS[0], rng)
    m = market(i, a)
    shocks = shocked_markets(m, i, a, DAYS[0])
    who = with_styles(members(rng))
    trades = trading.open_trades(who, listed, m, deltas(m, i, DAYS[0]), rng)
    h = net_positions(trading.positions(trades, who, listed), who.accounts, m)
    mixes = cushion.pool_mixes(cushion.token_mixes(who, m, rng), h, m)
    dollars = cushion.posted_dollars(h, m, who, mixes, _thin(who, rng), shocks, rng)
    collateral = cushion.collateral(h, m, who, mixes, dollars, rng)
    margin = trades.isolated_margin.copy()
    rows = _isolated_rows(trades, who, listed)
    names = who.accounts["account_id"].to_list()
    for pool, name in enumerate(h.pool_names):
        if name != "cross":
            row = rows[f"{names[h.pool_account[pool]]}|{name}"]
            margin[row] = round(float(dollars[pool] / m.value[m.settle[trades.instrument[row]]]), 6)
    trades = replace(trades, isolated_margin=margin)
    table = trading.positions(trades, who, listed)
    weak = calls.choose_weak(table, collateral, who, m, *EARLIER_WEAK, calls.Weak({}, {}), shocks, rng)
    first = _closed(DAYS[0], i, a, trades, collateral, who, listed, weak)

    a = assets(1, DAYS[1], rng)
    i = instruments(listed, a, 1, DAYS[1], rng)
    m = market(i, a)
    planted = {k for k, name in enumerate(names) if name in BY_ACCOUNT}
    trades, flows = trade_one_day(first.trades, listed, m, weak.accounts | planted, rng)
    collateral = calls.booked(first.collateral, who, m, flows)
    movers = rng.choice(who.accounts.height, size=90, replace=False)
    collateral = cushion.scaled(collateral, {names[k]: float(f) for k, f in zip(movers, rng.uniform(0.97, 1.08, len(movers)), strict=True)})
    weak = calls.choose_weak(trading.positions(trades, who, listed), collateral, who, m, *LATER_WEAK, weak, shocked_markets(m, i, a, DAYS[1]), rng)
    second = _closed(DAYS[1], i, a, trades, collateral, who, listed, weak)
    return who, first, second


def _thin(who: Members, rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Accounts with less than a full cushion: about a third of those of a few owners (no market maker, hardly any retail client)."""
    owners = who.accounts.filter(pl.col("segment") != "market_maker")["owner_id"].unique(maintain_order=True).to_numpy()
    chosen = rng.choice(owners, size=THIN_OWNERS, replace=False)
    share = np.where((who.accounts["segment"] == "retail").to_numpy(), 0.04, 0.35)
    return np.asarray(np.isin(who.accounts["owner_id"].to_numpy(), chosen) & (rng.random(who.accounts.height) < share))


def stale_account(who: Members, first: Day, second: Day) -> int:
    """The account whose figures the venue forgot to refresh: a fund without a problem whose requirement changed most."""
    change = np.abs(second.margins.requirement[INITIAL] / np.maximum(first.margins.requirement[INITIAL], 1.0) - 1.0)
    fit = (
        (who.accounts["segment"] == "hedge_fund").to_numpy()
        & (first.margins.status == 0)
        & (second.margins.status == 0)
        & (first.margins.requirement[INITIAL] > 1e5)
    )
    return int(np.argmax(np.where(fit, change, 0.0)))


def write(day: Day, who: Members, reported: Margins, past: pl.DataFrame, folder: Path) -> None:
    """The seven tables of a day and its snapshot.json; `past` is its history."""
    folder.mkdir(parents=True, exist_ok=True)
    quantity = day.positions.filter(pl.col("quantity") > 0).group_by("instrument_id").agg(pl.col("quantity").sum().round(6).alias("open_interest"))
    posted = day.collateral.group_by("asset").agg(
        pl.col("quantity").clip(lower_bound=0.0).sum().round(4).alias("pool_deposits"),
        (-pl.col("quantity").clip(upper_bound=0.0)).sum().round(4).alias("pool_borrows"),
    )
    tables = {
        "accounts": who.accounts.with_columns(
            pl.Series("reported_equity", np.round(reported.equity, 2)),
            pl.Series("reported_initial_margin", np.round(reported.requirement[INITIAL], 2)),
            pl.Series("reported_maintenance_margin", np.round(reported.requirement[MAINTENANCE], 2)),
        ),
        "owners": who.owners,
        "positions": day.positions,
        "collateral": day.collateral,
        "instruments": day.instruments.drop("used_forward").join(quantity, on="instrument_id", how="left").sort("instrument_id"),
        "assets": day.assets.join(posted, on="asset", how="left").sort("asset"),
        "history": past,
    }
    for name, table in tables.items():
        table.write_parquet(folder / f"{name}.parquet", compression="zstd", compression_level=19)
    snapshot = {"as_of": day.as_of.strftime("%Y-%m-%dT%H:%M:%SZ"), "reporting_currency": "USD"}
    (folder / "snapshot.json").write_text(json.dumps(snapshot, indent=2) + "\n", encoding="utf-8")


def main(folder: Path) -> None:
    """Writes both days below `folder`."""
    who, first, second = make_days()
    stale = stale_account(who, first, second)
    reported = replace(second.margins, equity=second.margins.equity.copy(), requirement=second.margins.requirement.copy())
    reported.equity[stale] = first.margins.equity[stale]
    reported.requirement[:, stale] = first.margins.requirement[:, stale]
    write(first, who, first.margins, history([first.assets], DAYS[0].date()), folder / "2026-11-12")
    write(second, who, reported, history([first.assets, second.assets], DAYS[1].date()), folder / "2026-11-13")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
