"""Historical replay over 26 years of 30 recorded prices, by the command, on a small book: one account for each price."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from stress.small_book import CASH, cash, coin, lot, perpetual, write_run

from stresstest.errors import ExitCode

MARKET = Path(__file__).parents[2] / "../shared/data/market/daily_prices.parquet"
LONGEST_GAP = 5
COINS = {"ADA", "AVAX", "BCH", "BNB", "BTC", "DOGE", "DOT", "ETH", "LINK", "LTC", "NEAR", "SOL", "TRX", "XRP"}

pytestmark = [pytest.mark.usefixtures("made_once"), pytest.mark.skipif(not MARKET.is_file(), reason="the recorded prices are not here")]


def test_every_move_is_what_the_prices_say(stresstest: Callable[..., Any], tmp_path: Path):
    prices = pl.read_parquet(MARKET).select(pl.col("date").str.to_date(), "factor", value="close")
    rows = prices.filter((pl.col("factor") == "WTI") | (pl.col("value") > 0.0)).sort("factor", "date")
    closes: dict[str, dict[date, float]] = {}
    for day, name, value in rows.iter_rows():
        closes.setdefault(name, {})[day] = value
    assert len(closes) == 30
    # Each account is long a contract of one price. Crude oil stands where it closed before it was negative.
    base = {name: 18.31 if name == "WTI" else list(series.values())[-1] for name, series in closes.items()}
    book = write_run(
        tmp_path / "book",
        {
            "accounts": [{"account_id": name} for name in closes],
            "positions": [lot(name, f"{name}-PERP", 1.0, entry_price=base[name]) for name in closes],
            "collateral": [cash(name, 10 * base[name]) for name in closes],
            "assets": [CASH, *(coin(name, price=price, may_be_negative=name == "WTI") for name, price in base.items())],
            "instruments": [perpetual(f"{name}-PERP", name, mark_price=price) for name, price in base.items()],
        },
        [{"id": "nothing", "shocks": []}],
    )
    rows.select("date", factor="spot:" + pl.col("factor"), value="value").write_parquet(book.parent / "snapshot" / "history.parquet")
    generator = {"kind": "historical", "id": "replay", "max_gap_days": LONGEST_GAP}
    (book.parent / "scenarios.yaml").write_text(json.dumps({"version": 1, "generators": [generator]}))

    done = stresstest("run", book, "--out", "out", "--set", "attribution.accounts=0", "-q")
    assert done.returncode == ExitCode.DONE, done.stderr
    pnl = {
        name: dict(part.select("scenario_id", "pnl").iter_rows())
        for (name,), part in pl.read_parquet("out/account_scenario.parquet").group_by("account_id")
    }
    days = [date.fromisoformat(name.removeprefix("replay.")) for name in pnl["BTC"] if name != "base"]
    assert (days[-1] - days[0]).days > 26 * 365
    assert len(days) == rows["date"].n_unique() - 1

    def close(name: str, day: date) -> float | None:
        return next((closes[name][at] for back in range(LONGEST_GAP + 1) if (at := day - timedelta(days=back)) in closes[name]), None)

    for name in closes:
        for day in (*days[1::41], date(2020, 4, 20), date(2020, 4, 21), date(2021, 5, 22), date(2021, 5, 23), date(2021, 5, 24)):
            before, after = close(name, day - timedelta(days=1)), close(name, day)
            move = 0.0 if before is None or after is None else after - before if name == "WTI" else base[name] * (after / before - 1.0)
            assert pnl[name][f"replay.{day}"] == pytest.approx(move, rel=1e-9, abs=1e-9 * base[name]), (name, day)

    # From 18.31 to -36.98 dollars a barrel at Cushing, which is what the account lost, and most of it back on the next day.
    assert pnl["WTI"]["replay.2020-04-20"] == pytest.approx(-36.98 - 18.31, abs=1e-9)
    assert pnl["WTI"]["replay.2020-04-21"] == pytest.approx(8.91 + 36.98, abs=1e-9)
    # At weekends coins move and nothing else does; what else moved since Friday shows on Monday.
    weekends = [f"replay.{day}" for day in days if day.weekday() > 4]
    moving = {name for name in closes if any(pnl[name][day] for day in weekends)}
    assert moving == COINS
    assert pnl["BTC"]["replay.2021-05-23"] == pytest.approx(base["BTC"] * (closes["BTC"][date(2021, 5, 23)] / closes["BTC"][date(2021, 5, 22)] - 1.0))
    assert pnl["SP500"]["replay.2021-05-24"] == pytest.approx(
        base["SP500"] * (closes["SP500"][date(2021, 5, 24)] / closes["SP500"][date(2021, 5, 21)] - 1.0)
    )
