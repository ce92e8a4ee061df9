"""The guide's script turns a venue's leverage brackets into margin schedules that give the venue's own maintenance amounts."""

from __future__ import annotations

import re
import runpy
import shutil
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from published.case_book import BASE, PUBLISHED, CaseBook
from ruamel.yaml import YAML

from stresstest.config import load_run
from stresstest.results.store import read_table
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "margin-guide.md").read_text(encoding="utf-8")
BINANCE = ROOT / "../shared/data/market/binance_usdm_brackets_2024-10-17.csv"
DEPEG = 0.9
"""Price of the settlement currencies in the scenario: thresholds and amounts are in them, so figures in dollars shrink alike."""


def block(language: str, start: str) -> str:
    """The guide's code block of that language that begins so."""
    (found,) = (text for text in re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL) if text.startswith(start))
    return str(found)


def run_script(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the guide's script beside brackets.csv in the folder."""
    (folder / "brackets.py").write_text(block("python", "# brackets.py"), encoding="utf-8")
    monkeypatch.chdir(folder)
    runpy.run_path("brackets.py")


@dataclass(frozen=True)
class At:
    """A position of a symbol at a place of a bracket."""

    symbol: str
    row: dict[str, float]
    place: str

    @property
    def notional(self) -> float:
        floor, cap = self.row["notional_floor"], self.row["notional_cap"]
        return {"floor": floor, "middle": (floor + cap) / 2.0, "cap": cap}[self.place]

    @property
    def maintenance(self) -> float:
        """What the venue asks: notional * maintMarginRatio - cum."""
        return self.notional * self.row["maint_margin_ratio"] - self.row["cum"]


def margins(brackets: pl.DataFrame, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[At], pl.DataFrame]:
    """Positions at floor, middle and cap of every bracket, one account each, and their rows of the results in the same order."""
    book = CaseBook()
    places = [At(row["symbol"], row, place) for row in brackets.iter_rows(named=True) for place in ("floor", "middle", "cap")]
    for currency in sorted({symbol.partition(":")[2] for symbol in brackets["symbol"]}):
        book.asset(currency, 1.0, collateral_schedule="usdt", published=DEPEG)
    for symbol in brackets["symbol"].unique(maintain_order=True):
        currency = symbol.partition(":")[2]
        book.asset(f"{symbol}.index", 1.0, price_currency=currency)
        book.instrument(symbol, "perpetual", f"{symbol}.index", 1.0, None, currency, margin_schedule=symbol)
    for number, at in enumerate(places):
        book.position(book.account(f"p{number:05d}"), at.symbol, at.notional)
    run = book.write(folder / "book")
    run_script(folder, monkeypatch)
    shutil.copy(folder / "margin.yaml", run.with_name("margin.yaml"))
    return places, read_table(execute(plan(load_run(run), folder / "out")).folder, "account_scenario").sort("account_id")


def check(places: list[At], rows: pl.DataFrame) -> None:
    base, depeg = (rows.filter(scenario_id=scenario) for scenario in (BASE, PUBLISHED))
    assert base.height == depeg.height == len(places)
    wrong = [
        (at.symbol, at.row["bracket"], at.place, got, at.maintenance)
        for at, got, shrunk, initial in zip(places, base["maintenance_margin"], depeg["maintenance_margin"], base["initial_margin"], strict=True)
        if abs(got - at.maintenance) > 1e-12 * at.notional
        or abs(shrunk - DEPEG * at.maintenance) > 1e-12 * at.notional
        # At its cap a position has already reached the smaller leverage of the next bracket.
        or (at.place != "cap" and abs(initial - at.notional / at.row["initial_leverage"]) > 1e-12 * at.notional)
    ]
    assert wrong == []


def test_the_brackets_of_the_guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "brackets.csv").write_text(block("csv", "symbol,"), encoding="utf-8")
    check(*margins(pl.read_csv(tmp_path / "brackets.csv"), tmp_path, monkeypatch))
    assert capsys.readouterr().out == "5 brackets, 0 do not continue the one before \n"


@pytest.mark.parametrize(
    ("right", "wrong"), [("0.05,2650", "0.05,2600"), ("3,10,100000", "3,10,110000")], ids=["another deduction", "a gap between brackets"]
)
def test_a_bracket_that_does_not_continue_is_shown(
    right: str, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "brackets.csv").write_text(block("csv", "symbol,").replace(right, wrong), encoding="utf-8")
    run_script(tmp_path, monkeypatch)
    said = capsys.readouterr().out
    assert said.startswith("5 brackets, 1 do not continue the one before")
    assert "AAA/USDT:USDT ┆ 3" in said
    assert len(YAML(typ="safe").load(tmp_path / "margin.yaml")["margin_schedules"]) == 2


@pytest.mark.skipif(not BINANCE.exists(), reason="the venue's brackets are not part of the repository")
def test_all_brackets_of_binance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(BINANCE, tmp_path / "brackets.csv")
    brackets = pl.read_csv(BINANCE)
    assert (brackets.height, brackets["symbol"].n_unique()) == (2805, 349)
    check(*margins(brackets, tmp_path, monkeypatch))
    assert capsys.readouterr().out.startswith("2805 brackets, 0 do not continue the one before")
