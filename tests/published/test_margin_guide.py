"""The margin guide says what is: its blocks load together as one margin file, and its worked numbers come out of a run of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from margin.explain_case import PERPETUAL, Case
from published.case_book import CaseBook, Check, Found, after, figure, net
from published.venues import Results
from rich.console import Console
from ruamel.yaml import YAML

from stresstest.cli.explain_view import explain_view
from stresstest.margin.explain import as_document

GUIDE = (Path(__file__).parents[2] / "docs" / "margin-guide.md").read_text(encoding="utf-8")
TEXT = " ".join(GUIDE.split())


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def guide_book() -> CaseBook:
    """A book under the guide's own rules, without instruments."""
    book = CaseBook()
    for block in blocks("yaml"):
        for part, entries in YAML(typ="safe", pure=True).load(block).items():
            ours: dict[str, Any] = getattr(book, part)
            assert not ours.keys() & entries.keys()
            ours.update(entries)
    book.asset("EUR", 1.25)
    book.asset("COIN", 1.0, margin_schedule="marginal")
    book.asset("BTC", 50_000.0, collateral_schedule="btc", price_low=48_000.0, price_high=48_000.0)
    book.asset("ETH", 2_500.0)
    for coin, price in (("BTC", 50_000.0), ("ETH", 2_500.0)):
        book.instrument(f"{coin}-PERP", "perpetual", coin, price, None)
    book.asset("THIN", 10.0, collateral_schedule="thin")
    book.asset("POOLED", 10.0, collateral_schedule="pooled", pool_deposits=1e6)
    book.asset("USDT", 1.0, collateral_schedule="usdt")
    for schedule in ("marginal", "deduction", "whole", "in_euro", "limited"):
        book.instrument(schedule, "perpetual", "COIN", 1.0, None, margin_schedule=schedule)
    book.instrument("quarterly", "future", "COIN", 1.0, None, margin_schedule="marginal", expiry=after(90 * 86400.0))
    book.instrument("by_size", "perpetual", "COIN", 1.0, None, margin_schedule="by_size", contract_size=2000.0)
    book.instrument("per_contract", "perpetual", "COIN", 1.0, None, margin_schedule="per_contract")
    book.instrument("gain", "perpetual", "COIN", 1.0, None, "USDT", margin_schedule="marginal")
    book.instrument("growing", "perpetual", "COIN", 1.0, None, margin_schedule="growing")
    book.instrument("skewed", "perpetual", "COIN", 1.0, None, margin_schedule="skewed", skew_scale=1e6)
    book.instrument("crowded", "perpetual", "COIN", 1.0, None, margin_schedule="crowded", open_interest=15e6)
    call: dict[str, Any] = {"expiry": after(30 * 86400.0), "strike": 55_000.0, "option_type": "call", "margin_schedule": "options"}
    book.instrument("call", "option", "BTC", 1200.0, None, **call)
    book.asset("XYZ", 100.0, collateral_schedule="stock")
    book.instrument("XYZ", "spot", "XYZ", 100.0, None)
    for name, option_type, strike, price in (
        ("C100", "call", 100, 6.0),
        ("C110", "call", 110, 2.5),
        ("P90", "put", 90, 2.0),
        ("P80", "put", 80, 0.5),
    ):
        terms: dict[str, Any] = {"expiry": after(30 * 86400.0), "strike": float(strike), "option_type": option_type, "contract_size": 100.0}
        book.instrument(name, "option", "XYZ", price, None, **terms)
    return book


@dataclass(frozen=True)
class Worked:
    """A number of the guide: an account's holdings, what is read, and the words in which the guide says it."""

    said: str
    read: Any
    expected: float
    holds: tuple[tuple[str, float], ...] = ()
    balance: tuple[tuple[str, float], ...] = ()
    model: str | None = None
    multiplier: float | None = None
    leverage: float | None = None
    entry: float | None = None


MAINTENANCE, INITIAL = figure("maintenance_margin"), figure("initial_margin")
BALANCE, INITIAL_BALANCE = figure("margin_balance"), figure("margin_balance_initial")


def short(side: str) -> Any:
    def read(row: Found) -> float:
        return -net(side)(row)

    return read


def conventions() -> list[Worked]:
    """The table of the three conventions, by hand: 600,000 x 0.5 %; and the sums that the guide spells out."""
    rows = {
        600_000.0: (3_000.0, 3_000.0, 3_000.0),
        1_000_000.0: (5_000.0, 5_000.0, 10_000.0),
        3_000_000.0: (25_000.0, 25_000.0, 30_000.0),
        8_000_000.0: (120_000.0, 120_000.0, 200_000.0),
    }
    return [
        Worked(f"| {notional:,.0f} | {' | '.join(f'{each:,.0f}' for each in margins)} |", MAINTENANCE, margin, ((schedule, sign * notional),))
        for notional, margins in rows.items()
        for schedule, margin in zip(("marginal", "deduction", "whole"), margins, strict=True)
        for sign in (1.0, -1.0)
    ]


def strategies() -> list[Worked]:
    """The table of strategies, by hand, and the two figures of whole expiries."""
    spread, puts = (("C100", -1.0), ("C110", 1.0)), (("P90", -1.0), ("P80", 1.0))
    table: list[tuple[str, float, float, tuple[tuple[str, float], ...]]] = [
        ("short 110 call, naked", 1_000.0, 1_000.0, (("C110", -1.0),)),
        ("short 80 put, naked", 800.0, 800.0, (("P80", -1.0),)),
        ("long 100 call", 600.0, 600.0, (("C100", 1.0),)),
        ("short 100 call, long 110 call", 650.0, 650.0, spread),
        ("long 100 call, short 110 call", 350.0, 350.0, (("C100", 1.0), ("C110", -1.0))),
        ("both with short 90 put, long 80 put", 500.0, 500.0, (*spread, *puts)),
        ("short 100 call, short 90 put", 2_000.0, 2_000.0, (("C100", -1.0), ("P90", -1.0))),
        ("100 shares, short 110 call", 2_500.0, 5_000.0, (("XYZ", 100.0), ("C110", -1.0))),
    ]
    lines = {line.split(" | ")[0].removeprefix("| "): line for line in GUIDE.splitlines() if line.startswith("| ")}
    found = []
    for holds, maintenance, initial, held in table:
        assert lines[holds].endswith(f"| {maintenance:,.0f} | {initial:,.0f} |")
        found += [Worked(holds, read, each, held, model="listed") for read, each in ((MAINTENANCE, maintenance), (INITIAL, initial))]
    naked, paired = "needs 750 maintenance and 1,500 initial", "beside it 650 and 650"
    for said, maintenance, initial, held in ((naked, 750.0, 1_500.0, spread[:1]), (paired, 650.0, 650.0, spread)):
        found += [Worked(said, read, each, held, model="per_expiry") for read, each in ((MAINTENANCE, maintenance), (INITIAL, initial))]
    return found


def grids() -> list[Worked]:
    """The examples of the grid: 15 % of 100,000; less 30 % of what 75,000 short gain; a hedged short, and what its hedge counts."""
    alone, both = "that is 16,000 for maintenance, and 1.25 x 15,000 + 2,000 = 20,750 initially", "so 13,375 and 18,031.25 are required"
    hedged, full = "What is left is the line, 1,000 and 2,000", "the bitcoin count 100,000 in the balance"
    long, pair, short_ = (("BTC-PERP", 2.0),), (("BTC-PERP", 2.0), ("ETH-PERP", -30.0)), (("BTC-PERP", -2.0),)
    coins = (("BTC", 2.0),)
    return [
        Worked(alone, MAINTENANCE, 16_000.0, long, model="grid"),
        Worked(alone, INITIAL, 20_750.0, long, model="grid"),
        Worked(both, MAINTENANCE, 13_375.0, pair, model="grid"),
        Worked(both, INITIAL, 18_031.25, pair, model="grid"),
        Worked(hedged, MAINTENANCE, 1_000.0, short_, coins, model="grid"),
        Worked(hedged, INITIAL, 2_000.0, short_, coins, model="grid"),
        Worked(full, BALANCE, 100_000.0, short_, coins, model="grid"),
    ]


SHORTS, GAIN = (("call", -2.0),), (("gain", 20_000.0),)
WORKED = [
    *conventions(),
    *strategies(),
    *grids(),
    Worked("100 x 2,000 x 5 % + 50 x 2,000 x 10 % = 20,000 by size", MAINTENANCE, 20_000.0, (("by_size", 150.0),)),
    Worked("48,000 maintenance, 60,000 initial", MAINTENANCE, 48_000.0, (("per_contract", 12.0),)),
    Worked("48,000 maintenance, 60,000 initial", INITIAL, 60_000.0, (("per_contract", -12.0),)),
    Worked("14,000 euro, 17,500 dollars", MAINTENANCE, 17_500.0, (("in_euro", 1_500_000.0),)),
    Worked("needs 50,000 initial under `marginal`", INITIAL, 50_000.0, (("marginal", 3_000_000.0),)),
    Worked("and 600,000 at leverage 5", INITIAL, 600_000.0, (("marginal", 3_000_000.0),), leverage=5.0),
    Worked("at 1.5, its maintenance of 25,000 becomes 37,500", MAINTENANCE, 37_500.0, (("marginal", 3_000_000.0),), multiplier=1.5),
    Worked("| 10,000 | -2,400 | 12,400 |", INITIAL, 10_000.0, SHORTS),
    Worked("| 10,000 | -2,400 | 12,400 |", short("initial"), 12_400.0, SHORTS),
    Worked("| 5,000 | -2,400 | 7,400 |", MAINTENANCE, 5_000.0, SHORTS),
    Worked("| 5,000 | -2,400 | 7,400 |", short("maintenance"), 7_400.0, SHORTS),
    Worked("5,000 + 0.2 % x 2,000,000 = 9,000", MAINTENANCE, 9_000.0, (("marginal", 3e6), ("quarterly", -2e6)), model="netted"),
    Worked("25,000 + 15,000 = 40,000", MAINTENANCE, 40_000.0, (("marginal", 3e6), ("quarterly", -2e6))),
    Worked("4,750,000 + 850,000 = 5,600,000", BALANCE, 5_600_000.0, balance=(("BTC", 70.0), ("BTC", 50.0))),
    Worked("4,600,000 + 800,000 = 5,400,000", INITIAL_BALANCE, 5_400_000.0, balance=(("BTC", 122.0), ("BTC", -2.0))),
    Worked("-110,000 for maintenance and -120,000 initially", BALANCE, -110_000.0, balance=(("BTC", -2.0),)),
    Worked("-110,000 for maintenance and -120,000 initially", INITIAL_BALANCE, -120_000.0, balance=(("BTC", -2.0),)),
    Worked("by default 9,800 and 9,800", BALANCE, 9_800.0, GAIN, entry=0.5),
    Worked("by default 9,800 and 9,800", INITIAL_BALANCE, 9_800.0, GAIN, entry=0.5),
    Worked("under `plain_value` 10,000 and 10,000", BALANCE, 10_000.0, GAIN, model="plain_value", entry=0.5),
    Worked("under `plain_value` 10,000 and 10,000", INITIAL_BALANCE, 10_000.0, GAIN, model="plain_value", entry=0.5),
    Worked("under `careful` 9,800 and 3,920", BALANCE, 9_800.0, GAIN, model="careful", entry=0.5),
    Worked("under `careful` 9,800 and 3,920", INITIAL_BALANCE, 3_920.0, GAIN, model="careful", entry=0.5),
    Worked("adds 900 to the balance under `careful`", BALANCE, 900.0, (("call", 1.0),), model="careful"),
    Worked("needs 25,000 there and 30,000 under `elsewhere`", MAINTENANCE, 25_000.0, (("marginal", 3e6),)),
    Worked("needs 25,000 there and 30,000 under `elsewhere`", MAINTENANCE, 30_000.0, (("marginal", 3e6),), model="elsewhere"),
    Worked("2 bitcoin count 95,000 by default and 98,000 under `elsewhere`", BALANCE, 95_000.0, balance=(("BTC", 2.0),)),
    Worked("2 bitcoin count 95,000 by default and 98,000 under `elsewhere`", BALANCE, 98_000.0, balance=(("BTC", 2.0),), model="elsewhere"),
    Worked("`growing` asks for 11,200, and for 9,600 maintenance", INITIAL, 11_200.0, (("growing", 40_000.0),)),
    Worked("`growing` asks for 11,200, and for 9,600 maintenance", MAINTENANCE, 9_600.0, (("growing", -40_000.0),)),
    Worked("100 contracts need 10, the 10 %", INITIAL, 10.0, (("growing", 100.0),)),
    Worked("1 % + 2 x 0.003, 48 under `skewed`", INITIAL, 48.0, (("skewed", 3_000.0),)),
    Worked("55 % initially, 1,650 for 3,000, and for 150 maintenance", INITIAL, 1_650.0, (("crowded", -3_000.0),)),
    Worked("55 % initially, 1,650 for 3,000, and for 150 maintenance", MAINTENANCE, 150.0, (("crowded", 3_000.0),)),
    Worked("2,475,000 instead of 2,880,000, under `thin`", BALANCE, 2_475_000.0, balance=(("THIN", 360_000.0),)),
    Worked("0.8 x 1.2 + 0.6 = 1.56, -5,616,000", BALANCE, -5_616_000.0, balance=(("THIN", -360_000.0),)),
    Worked("deposit of 1,000,000 counts 800,000 for maintenance and 400,000 initially", BALANCE, 800_000.0, balance=(("POOLED", 1e5),)),
    Worked("deposit of 1,000,000 counts 800,000 for maintenance and 400,000 initially", INITIAL_BALANCE, 400_000.0, balance=(("POOLED", 1e5),)),
    Worked("one of 3,000,000 counts 1,600,000 for maintenance", BALANCE, 1_600_000.0, balance=(("POOLED", 3e5),)),
    Worked("count 92,000 initially by default and 88,320 under `lagging`", INITIAL_BALANCE, 92_000.0, balance=(("BTC", 2.0),)),
    Worked("count 92,000 initially by default and 88,320 under `lagging`", INITIAL_BALANCE, 88_320.0, balance=(("BTC", 2.0),), model="lagging"),
    Worked("and 95,000 for maintenance under both", BALANCE, 95_000.0, balance=(("BTC", 2.0),), model="lagging"),
    Worked("and nothing by default", BALANCE, 0.0, (("call", 1.0),)),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    book = guide_book()
    for number, worked in enumerate(WORKED):
        account = book.account(f"w{number}")
        book.tables["accounts"][-1] |= {"margin_model": worked.model, "margin_multiplier": worked.multiplier}
        for instrument, quantity in worked.holds:
            book.position(account, instrument, quantity, worked.entry, leverage=worked.leverage)
        for asset, quantity in worked.balance:
            book.deposit(account, asset, quantity)
    return Results(book, tmp_path_factory.mktemp("guide"))


@pytest.mark.parametrize("number", range(len(WORKED)), ids=[f"{number}" for number in range(len(WORKED))])
def test_worked_numbers_come_out(number: int, results: Results) -> None:
    worked = WORKED[number]
    assert worked.said in TEXT
    check = Check(worked.said, worked.read, worked.expected, f"w{number}", rel=1e-12, abs=1e-9)
    assert check.wrong(results.row(check)) is None


def test_the_explanation_of_a_grid_is_what_the_terminal_shows() -> None:
    (model,) = (part["models"]["grid"] for part in map(YAML(typ="safe", pure=True).load, blocks("yaml")) if "grid" in part.get("models", {}))
    coins = {"BTC": 50_000.0, "ETH": 2_500.0}
    perpetuals = {f"{coin}-PERP": {**PERPETUAL, "underlying": coin, "mark_price": price, "margin_schedule": None} for coin, price in coins.items()}
    account = {"A": {"margin_model": "grid"}}
    case = Case({coin: {"price": price} for coin, price in coins.items()}, perpetuals, {"models": {"grid": model}}, account)
    found = case.hold("BTC-PERP", 2.0).hold("ETH-PERP", -30.0).valued()
    console = Console(width=140, file=StringIO(), color_system=None)
    console.print(explain_view(as_document(found)))
    shown = [line.split() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    (text,) = (block for block in blocks("text") if block.startswith("Grid, every position"))
    lines = [line.split() for line in text.splitlines()]
    start = shown.index(lines[0])
    assert shown[start : start + len(lines)] == lines


def test_the_bracket_table_has_the_amounts_that_the_guide_names() -> None:
    (table,) = blocks("csv")
    row = pl.read_csv(table.encode()).filter((pl.col("symbol") == "AAA/USDT:USDT") & (pl.col("bracket") == 2)).row(0, named=True)
    assert 40_000 * row["maint_margin_ratio"] - row["cum"] == pytest.approx(850.0)
    assert 40_000 / row["initial_leverage"] == 2_000.0
    assert "40,000 x 2.5 % - 150 = 850 maintenance and 40,000 / 20 = 2,000 initially" in TEXT
