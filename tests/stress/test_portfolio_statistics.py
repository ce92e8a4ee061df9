"""Concentration, days to liquidate and distributions: by hand on two small books, and by law."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stress.small_book import CASH, Row, cash, coin, lot, perpetual, rows, run, scenario, write_run

from stresstest.errors import StressTestError
from stresstest.results.store import read_table
from stresstest.runs import pipeline
from stresstest.stress.concentration import largest_first
from stresstest.stress.distribution import EDGES, distribution
from stresstest.stress.exposures import Notionals, OwnersNotionals
from stresstest.tables import STATISTICS_TABLES

pytestmark = pytest.mark.usefixtures("staged_once")

HALF = [scenario("half", {"BTC": -0.5})]
PUT: Row = {
    "instrument_id": "PUT", "kind": "option", "underlying": "BTC", "quote": "USD", "mark_price": 20.0, "margin_schedule": "flat", "strike": 100.0,
    "option_type": "put", "expiry": datetime(2027, 11, 20, 16, tzinfo=UTC),
}  # fmt: skip
SPOT: Row = {"instrument_id": "SPOT", "kind": "spot", "underlying": "BTC", "quote": "USD", "mark_price": 100.0, "margin_schedule": "flat"}
HELD: dict[str, list[Row]] = {
    "assets": [coin("BTC", daily_volume=10_000.0), coin("ETH"), coin("XRP", daily_volume=0.0), coin("SOL"), CASH],
    "instruments": [perpetual("P", "BTC", open_interest=20.0), perpetual("E", "ETH"), perpetual("X", "XRP"), perpetual("S", "SOL"), PUT, SPOT],
    "accounts": [{"account_id": name, "owner_id": owner} for name, owner in (("a", "o1"), ("b", "o1"), ("c", "o2"), ("d", "o3"))],
    "positions": [
        lot("a", "P", 12.0), lot("a", "P", -2.0, isolated_margin=30.0), lot("b", "P", -4.0),
        lot("c", "P", -6.0), lot("c", "PUT", 2.0), lot("c", "SPOT", 1.0), lot("c", "E", 5.0), lot("b", "X", -3.0),
        lot("d", "S", 1.0), lot("d", "S", -1.0),
    ],
    "collateral": [cash("a", 600.0), cash("b", 340.0), cash("c", 350.0), cash("d", 50.0)],
}  # fmt: skip


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("held")
    return run(write_run(folder, HELD, HALF, statistics={"top": 1, "volume_share": 0.1}), folder / "out").folder


def by_underlying(folder: Path, *columns: str) -> dict[str, Any]:
    return {name: values for name, *values in rows(folder, "concentration", "underlying", *columns)}


def test_sides_of_an_underlying_over_all_pools_and_kinds(held: Path) -> None:
    # BTC: a is long 1,200 and, isolated, short 200; b short 400; c short 600, long two puts (each worth the underlying's 100) and a coin.
    # SOL: what d bought it sold again, which is no position.
    sides = by_underlying(held, "positions", "accounts", "owners", "long_notional", "short_notional", "net_notional", "gross_notional")
    assert sides == {
        "BTC": [6, 3, 2, 1_500.0, 1_200.0, 300.0, 2_700.0],
        "ETH": [1, 1, 1, 500.0, 0.0, 500.0, 500.0],
        "XRP": [1, 1, 1, 0.0, 300.0, -300.0, 300.0],
    }
    assert by_underlying(held, "gross_share") == {"BTC": [pytest.approx(27 / 35)], "ETH": [pytest.approx(5 / 35)], "XRP": [pytest.approx(3 / 35)]}


def test_open_interest_is_one_side_of_derivatives_and_the_venues_where_it_is_stated(held: Path) -> None:
    # Without the coin, long derivatives are 1,400; the venue has 20 perpetuals of 100, and says nothing of its options. XRP is short alone.
    assert by_underlying(held, "open_interest", "venue_open_interest") == {"BTC": [1_400.0, 2_000.0], "ETH": [500.0, None], "XRP": [300.0, None]}


def test_how_few_owners_hold_an_underlying(held: Path) -> None:
    # o1 holds 1,200 long and 600 short, o2 300 and 600.
    indices = by_underlying(held, "herfindahl", "herfindahl_long", "herfindahl_short")
    assert indices["BTC"] == pytest.approx([(2 / 3) ** 2 + (1 / 3) ** 2, 0.8**2 + 0.2**2, 0.5])
    assert indices["ETH"] == [1.0, 1.0, None]
    assert by_underlying(held, "top_1_share", "top_5_share", "top_10_share")["BTC"] == pytest.approx([2 / 3, 1.0, 1.0])
    # Of derivatives o1 has 1,200 of 1,400 long, and either owner half of what is short.
    assert by_underlying(held, "top_1_open_interest_share", "top_5_open_interest_share")["BTC"] == pytest.approx([1_200 / 1_400, 1.0])


def test_an_underlying_worth_nothing_has_owners_and_no_shares(tmp_path: Path) -> None:
    tables: dict[str, list[Row]] = {
        "assets": [coin("OIL", price=0.0, may_be_negative=True), CASH],
        "instruments": [perpetual("O", "OIL", mark_price=0.0)],
        "positions": [lot("a", "O", 2.0), lot("b", "O", -3.0)],
        "collateral": [cash("a", 600.0), cash("b", 600.0)],
    }
    folder = run(write_run(tmp_path, tables, [{"id": "up", "shocks": [{"factor": "spot:OIL", "absolute": 1.0}]}]), tmp_path / "out").folder
    assert by_underlying(folder, "owners", "gross_notional", "gross_share", "herfindahl", "top_1_share") == {"OIL": [2, 0.0, None, None, None]}
    assert rows(folder, "concentration_owners", "owner_id", "gross_notional", "share") == [("a", 0.0, None), ("b", 0.0, None)]


def test_days_at_a_tenth_of_daily_volume(held: Path) -> None:
    # 1,000 of BTC a day. o1 is net long 600, o2 net short 300. A volume of zero is none.
    columns = ("largest_net_owner_id", "largest_net_notional", "daily_volume", "days_to_liquidate_largest_owner", "days_to_liquidate_gross")
    assert by_underlying(held, *columns) == {
        "BTC": ["o1", 600.0, 10_000.0, pytest.approx(0.6), pytest.approx(2.7)],
        "ETH": ["o2", 500.0, None, None, None],
        "XRP": ["o1", -300.0, None, None, None],
    }


def test_as_many_owners_as_asked_are_listed(held: Path) -> None:
    columns = ("underlying", "rank", "owner_id", "accounts", "net_notional", "gross_notional")
    assert rows(held, "concentration_owners", *columns) == [
        ("BTC", 1, "o1", 2, 600.0, 1_800.0), ("ETH", 1, "o2", 1, 500.0, 500.0), ("XRP", 1, "o1", 1, -300.0, 300.0),
    ]  # fmt: skip
    assert rows(held, "concentration_owners", "share") == pytest.approx([2 / 3, 1.0, 1.0])
    assert rows(held, "concentration_owners", "days_to_liquidate") == [pytest.approx(0.6), None, None]


def test_accounts_that_take_longest(held: Path) -> None:
    columns = ("rank", "account_id", "underlying", "net_notional", "gross_notional", "gross_without_volume", "worst_headline_status")
    assert rows(held, "days_to_liquidate", *columns) == [
        (1, "a", "BTC", 1_000.0, 1_400.0, 0.0, "liquidation"),
        (2, "b", "BTC", -400.0, 700.0, 300.0, "ok"),
        (3, "c", "BTC", -300.0, 1_400.0, 500.0, "ok"),
    ]
    assert rows(held, "days_to_liquidate", "days_to_liquidate") == pytest.approx([1.0, 0.4, 0.3])
    # c: 350 in cash, a coin of 100 and two puts of 20.
    assert rows(held, "days_to_liquidate", "equity") == pytest.approx([630.0, 340.0, 490.0])


# ------------------------------------------------------------------ distributions

# One contract of 100 each, which needs 5. v: its isolated pool is 3 short, whatever the 100 beside it. z: bought at 200. n: no position.
SPREAD: dict[str, list[Row]] = {
    "assets": [coin("BTC"), CASH],
    "instruments": [perpetual("P", "BTC")],
    "positions": [
        *(lot(name, "P", 1.0) for name in ("w1", "w2", "w3", "w4")), lot("v", "P", 1.0, isolated_margin=2.0), lot("z", "P", 1.0, entry_price=200.0),
    ],
    "collateral": [cash("w1", 4.0), cash("w2", 5.0), cash("w3", 10.0), cash("w4", 100.0), cash("v", 100.0), cash("z", 60.0), cash("n", 7.0)],
}  # fmt: skip


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spread")
    return run(write_run(folder, SPREAD, HALF), folder / "out").folder


def of_kind(folder: Path, measure: str, state: str, kind: str) -> list[dict[str, Any]]:
    return read_table(folder, "distribution").filter(measure=measure, state=state, kind=kind).to_dicts()


def filled(folder: Path, measure: str, state: str) -> dict[float | None, tuple[int, float]]:
    """Accounts and notional of the buckets that have any, by where they begin."""
    found = of_kind(folder, measure, state, "bucket")
    assert [row["lower"] for row in found][1:] == [row["upper"] for row in found][:-1] == list(EDGES[measure])
    return {row["lower"]: (row["accounts"], row["gross_notional"]) for row in found if row["accounts"]}


def test_leverage_at_base_an_edge_belongs_to_the_bucket_above(spread: Path) -> None:
    # 100 / 102 of v, then 1, 10, 20 and 25.
    assert filled(spread, "leverage", "base") == {0.0: (1, 100.0), 1.0: (1, 100.0), 10.0: (1, 100.0), 20.0: (2, 200.0)}
    apart = of_kind(spread, "leverage", "base", "apart")
    assert [(row["reason"], row["accounts"], row["gross_notional"]) for row in apart] == [
        ("equity zero or below", 1, 100.0),
        ("no positions", 1, 0.0),
    ]


def test_what_is_left_of_rounding_is_neither_equity_nor_requirement() -> None:
    # Equity and requirement of x are rounding beside 1e6; those of y are small beside 100, and those of u are what they are.
    figures = {"gross_notional": [1e6, 100.0, 100.0], "equity": [6e-11, 0.01, 0.02], "maintenance_margin": [1e-3, 0.01, 0.02]}
    others = {"margin_balance": [50.0] * 3, "margin_shortfall": [0.0] * 3, "worst_headline_equity": [None] * 3}
    found = distribution(pl.DataFrame(figures | others), np.zeros(3))
    told = found.filter(kind="quantile", level=0.99).select("measure", "value").rows()
    assert told == [("leverage", pytest.approx(5_000.0)), ("margin_ratio", pytest.approx(2_500.0))]
    assert found.filter(kind="apart")["accounts"].to_list() == [2, 0, 2]


def test_a_quantile_is_the_value_of_an_account(spread: Path) -> None:
    found = of_kind(spread, "leverage", "base", "quantile")
    assert [row["level"] for row in found] == [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]
    assert [row["value"] for row in found] == pytest.approx([100 / 102, 100 / 102, 1.0, 10.0, 20.0, 25.0, 25.0])
    assert [(row["accounts"], row["gross_notional"]) for row in found] == [(n, 100.0 * n) for n in (1, 1, 2, 3, 4, 5, 5)]


def test_leverage_where_it_is_worst_is_of_the_notional_there(spread: Path) -> None:
    # At half the price w4 has 50 against 50, v 50 against 52, and the equity of the others is gone.
    assert filled(spread, "leverage", "worst_headline") == {0.0: (1, 50.0), 1.0: (1, 50.0)}
    apart = of_kind(spread, "leverage", "worst_headline", "apart")
    assert [(row["accounts"], row["gross_notional"]) for row in apart] == [(4, 200.0), (1, 0.0)]


def test_margin_ratio_of_a_short_pool_is_not_mended_by_another(spread: Path) -> None:
    # 4, 5, 10 and 100 against 5; v 1 - 3 / 5; z 1 - 45 / 5. One is where liquidation starts, and not below it.
    assert filled(spread, "margin_ratio", "base") == {
        None: (1, 100.0),
        0.0: (1, 100.0),
        0.5: (1, 100.0),
        1.0: (1, 100.0),
        2.0: (1, 100.0),
        10.0: (1, 100.0),
    }
    assert [row["value"] for row in of_kind(spread, "margin_ratio", "base", "quantile")] == pytest.approx([-8.0, -8.0, 0.4, 0.8, 2.0, 20.0, 20.0])
    assert [(row["reason"], row["accounts"]) for row in of_kind(spread, "margin_ratio", "base", "apart")] == [("no requirement", 1)]


def test_without_headline_scenarios_there_is_the_base_alone(tmp_path: Path) -> None:
    folder = run(write_run(tmp_path, SPREAD, [scenario("half", {"BTC": -0.5}, family="sensitivity")]), tmp_path / "out").folder
    assert set(rows(folder, "distribution", "state")) == {"base"}


# ------------------------------------------------------------------ where they are made


def test_a_large_book_has_them_where_the_run_file_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "SMALL_BOOK", 0)
    run_file = write_run(tmp_path, SPREAD, HALF)
    bare = run(run_file, tmp_path / "bare").folder
    assert not any((bare / f"{table.name}.parquet").exists() for table in STATISTICS_TABLES)
    # Nor has a run of its copy, which states only what was stated.
    again = run(bare / "inputs" / "run.json", tmp_path / "again").folder
    assert not any((again / f"{table.name}.parquet").exists() for table in STATISTICS_TABLES)
    asked = run(run_file, tmp_path / "asked", **{"statistics.top": 10}).folder
    assert all((asked / f"{table.name}.parquet").exists() for table in STATISTICS_TABLES)
    assert not (asked / "segment_summary.parquet").exists()
    with pytest.raises(StressTestError) as refused:
        run(run_file, bare, **{"statistics.top": 10})
    assert "without the statistics of the portfolio" in refused.value.faults[0].what


# ------------------------------------------------------------------ laws

AMOUNTS = st.lists(st.sampled_from([0.0, 1.0, 1.0, 2.5, 7.0]), min_size=1, max_size=30)


@given(AMOUNTS, st.integers(1, 12))
def test_the_largest_tie_to_the_first(amounts: list[float], number: int) -> None:
    expected = sorted(range(len(amounts)), key=lambda place: (-amounts[place], place))[:number]
    assert largest_first(np.array(amounts), number).tolist() == expected


ENTRIES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(-4, 4), st.booleans()), max_size=40)


@given(ENTRIES, st.integers(1, 6))
def test_what_owners_hold_does_not_depend_on_where_blocks_end(entries: list[tuple[int, int, int, bool]], blocks: int) -> None:
    """Accounts 0 to 5 of owners 0, 0, 1, 2, 2, 2; amounts are whole, so sums are exact."""
    owner_of = np.array([0, 0, 1, 2, 2, 2])
    amounts: dict[tuple[int, int], list[int]] = {}
    for account, underlying, amount, derivative in entries:
        held = amounts.setdefault((account, underlying), [0, 0, 0, 0])
        for side, value in enumerate((max(amount, 0), max(-amount, 0))):
            held[side] += value
            held[side + 2] += value * derivative
    found = OwnersNotionals(owner_of, 4)
    for accounts in np.array_split(np.arange(6), blocks):
        here = sorted(key for key in amounts if key[0] in accounts)
        account, underlying = (np.array([key[place] for key in here], dtype=np.int32) for place in (0, 1))
        sides = np.array([amounts[key] for key in here], dtype=np.float64).reshape(-1, 4).T
        found.add(Notionals(account, underlying, sides, np.ones(len(here), dtype=np.int32)))
    together: dict[tuple[int, int], tuple[list[float], int]] = {}
    for (account, code), held in sorted(amounts.items()):
        before, members = together.get((code, int(owner_of[account])), ([0, 0, 0, 0], 0))
        together[code, int(owner_of[account])] = ([one + other for one, other in zip(before, held, strict=True)], members + 1)
    listed = {}
    for code in found.underlyings().tolist():
        own = found.of(code)
        listed |= {(code, int(owner)): (own.sides[:, row].tolist(), int(own.members[row])) for row, owner in enumerate(own.holder)}
        assert own.holder.tolist() == sorted(set(own.holder.tolist()))
    assert listed == together
