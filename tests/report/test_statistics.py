"""The page of concentration and liquidity, on literal figures: what is said, what is listed, and what stands where there is nothing."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from generated.statistics_tables import concentration_rows, longest_rows

from stresstest.report.parts import TableView
from stresstest.report.statistics import PRINTED_ACCOUNTS, statistics_page
from stresstest.report.view import ReportFacts, StatisticsPage
from stresstest.results.store import conform, empty
from stresstest.tables import CONCENTRATION, CONCENTRATION_OWNERS, DAYS_TO_LIQUIDATE, STATISTICS_TABLES, Table

ASKED = {"volume_share": 0.125, "top": 10}
MINUS = "\N{MINUS SIGN}"


def page(**tables: pl.DataFrame) -> StatisticsPage:
    found = statistics_page({table.name: empty(table) for table in STATISTICS_TABLES} | tables, ASKED, "USD")
    assert found is not None
    return found


def frame(table: Table, rows: list[dict[str, object]]) -> pl.DataFrame:
    return conform(pl.DataFrame(rows, infer_schema_length=None), table)


def texts(table: TableView) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in table.rows]


@pytest.fixture(scope="module")
def some() -> StatisticsPage:
    lines, owners = concentration_rows(["o1", "o2", "o3"])
    accounts = [{"owner_id": f"o{n}", "account_id": f"a{n}", "name": None} for n in range(1, 21)]
    return page(
        concentration=frame(CONCENTRATION, lines),
        concentration_owners=frame(CONCENTRATION_OWNERS, owners),
        days_to_liquidate=frame(DAYS_TO_LIQUIDATE, longest_rows(accounts)),
    )


def test_the_sentence_tells_size_dominance_pace_and_what_is_not_known(some: StatisticsPage) -> None:
    # 200, 100, 66.7 and 50 million; no volume is known for the last. One owner has nine tenths of each: of equal shares the first by name.
    assert some.summary == (
        "Positions of USD 416.7m gross in 4 underlyings; the largest, USDC, has 25\xa0% of it. "
        "One owner holds 25\xa0% of gross notional or more in 4 of 4 underlyings, most in BTC (o1, 90\xa0%). "
        "Trading 12.5\xa0% of an underlying's daily volume, a1 takes longest: 12.00 days to close 120.0m short in BTC. "
        "No daily volume is known for 12.0\xa0% of gross notional, which no days are told of."
    )


def test_underlyings_by_size(some: StatisticsPage) -> None:
    assert [row[0] for row in texts(some.underlyings)] == ["USDC", "BTC", "STETH", "UST-NOTE"]
    first, last = texts(some.underlyings)[0], texts(some.underlyings)[-1]
    # USD k; the index three decimals, shares in percent, days at the pace asked for as the table has them.
    assert first[2:7] == ["200,000", "0", "200,000", "200,000", "25.0"]
    assert first[7:] == ["0.810", "0.810", "—", "90", "100", "100", "200,000", "100", "50,000", "18.00", "20.00"]
    assert last[-3:] == ["—", "—", "—"]


def test_owners_of_the_largest_underlyings_first(some: StatisticsPage) -> None:
    rows = texts(some.owners)
    assert [row[:3] for row in rows[:4]] == [["USDC", "1", "o1"], ["USDC", "2", "o2"], ["USDC", "3", "o3"], ["BTC", "1", "o1"]]
    assert rows[0][-2:] == ["90.0", "18.00"]


def test_accounts_by_days_and_what_paper_leaves_out(some: StatisticsPage) -> None:
    rows = texts(some.accounts)
    assert rows[0] == ["1", "a1", "12.00", "BTC", f"{MINUS}120,000", "50,000", "200,000", "25.0", "1,000", "Default"]
    assert [row.printed for row in some.accounts.rows] == [True] * PRINTED_ACCOUNTS + [False] * (20 - PRINTED_ACCOUNTS)
    assert "On paper the 8 slowest are listed, on screen 20." in some.accounts.notes


def test_a_book_without_positions_says_what_was_checked() -> None:
    found = page()
    assert found.summary == "Nothing to report: no position has a notional."
    assert found.underlyings.empty == "Nothing to report: the book has no open positions."
    assert "a daily volume is known for 0 of 0 underlyings" in found.accounts.empty
    assert found.leverage.pairs == ()


def test_no_owner_dominates() -> None:
    lines, owners = concentration_rows(["o1", "o2"])
    found = page(
        concentration=frame(CONCENTRATION, lines), concentration_owners=frame(CONCENTRATION_OWNERS, owners).with_columns(pl.col("share") / 4)
    )
    assert "In none of 4 underlyings does one owner hold 25\xa0% of gross notional or more." in found.summary


def test_the_spread_stands_beside_its_bars(venue_facts: ReportFacts) -> None:
    found = venue_facts.statistics
    assert found is not None
    assert [pair.name for pair in found.leverage.pairs] == ["below 1", "1 to below 2.5", "2.5 and above", "equity zero or below", "no positions"]
    assert [(pair.narrow, pair.wide) for pair in found.margin_ratio.pairs] == [(0, 0), (120, 120), (0, 0), (0, 0)]
    assert texts(found.spread)[0] == ["Leverage", "At base", "120", "1.75", "0", "0", "—"]
    assert texts(found.spread)[3] == ["Margin ratio", "Own worst headline scenario", "120", "1.75", "—", "—", "0"]


def test_a_run_without_the_tables_has_no_page(venue: Path) -> None:
    tables = {table.name: empty(table) for table in STATISTICS_TABLES[1:]}
    assert statistics_page(tables, ASKED, "USD") is None
