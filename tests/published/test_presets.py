"""A small book under every preset, through an ordinary run: requirements and balances by hand from the figures of each source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from published.case_book import CaseBook, Check, after, figure
from published.venues import Results

from stresstest.margin.rulebook import presets
from stresstest.results.store import read_table
from stresstest.runs.console import Silent
from stresstest.runs.explaining import derive_again

YEAR = 365 * 86400.0


@dataclass(frozen=True)
class Holding:
    """What an account under a preset holds, and what it needs for maintenance and initially, or what its balance counts."""

    preset: str
    maintenance: float
    initial: float
    why: str
    positions: tuple[tuple[str, float], ...] = ()
    balance: tuple[tuple[str, float], ...] = ()


def _needs(preset: str, maintenance: float, initial: float, why: str, *positions: tuple[str, float]) -> Holding:
    return Holding(preset, maintenance, initial, why, positions=positions)


def _counts(preset: str, maintenance: float, initial: float, why: str, *balance: tuple[str, float]) -> Holding:
    return Holding(preset, maintenance, initial, why, balance=balance)


# Prices: BTC 50,000, ETH 2,000, SOL 100, DOGE 0.10, LINK 10, INDEX 5,000, STOCK 40; USDC, USDT 1.
HOLDINGS = [
    _needs("tims", 600.0, 600.0, "100 shares at 40, 15 %", ("stock", 100.0)),
    _needs("tims", 400.0, 400.0, "one future on the index, 8 % down", ("index", 1.0)),
    _needs("tims", 300.0, 300.0, "one sold, 6 % up", ("index", -1.0)),
    _needs("tims", 375.0, 375.0, "10 calls on 100 shares, next to worthless: 37.50 each", ("far call", 10.0)),
    _needs("tims", 3.75, 3.75, "10 such calls on one share: 0.375 each", ("far call on one", 10.0)),
    _needs("span16", 500.0, 550.0, "scan range 10 %; extreme moves 3 x 10 % x 32 % = 9.6 %; initial 110 %", ("index", 1.0)),
    _needs("deribit", 8_000.0, 10_400.0, "16 % of 50,000; initial 1.3 times", ("BTC perpetual", 1.0)),
    _needs("deribit", 8_000.0, 10_400.0, "16 % up, and 50 % x 0.32", ("BTC perpetual", -1.0)),
    _needs("deribit", 500.0, 650.0, "what offsets between futures: 1 % of 50,000", ("BTC perpetual", -1.0), ("BTC quarterly", 1.0)),
    _needs("paradex", 4_000.0, 8_000.0, "16 % initially, half of it for maintenance", ("BTC perpetual", 1.0)),
    _needs("paradex", 250.0, 500.0, "no net delta, 1 % of what is hedged", ("BTC perpetual", -1.0), ("BTC quarterly", 1.0)),
    _needs("okx", 6_000.0, 7_800.0, "12 %, and half of 24 %", ("BTC perpetual", 1.0)),
    _needs("okx", 250.0, 325.0, "25 % of 1,000", ("DOGE perpetual", -10_000.0)),
    _needs("derive_pmrm", 8_750.0, 11_375.0, "(15 % + 2.5 %) of 50,000; initial 1.3 times", ("BTC perpetual", 1.0)),
    _needs("derive_pmrm2", 7_950.0, 10_000.0, "0.8 x 18 % + 1.5 %; 18 % + 2 %", ("BTC perpetual", 1.0)),
    _counts("derive_pmrm2", 95.0, 94.0, "WEETH at 100: 5 % and 6 %", ("WEETH", 1.0)),
    _needs("derive_standard", 2_500.0, 3_250.0, "5 % and 6.5 %", ("BTC perpetual", 1.0)),
    _counts("derive_standard", 40_000.0, 40_000.0, "weight 0.8", ("BTC", 1.0)),
    _needs("binance", 15_300.0, 33_333.333333333336, "2,500,000: 0.65 % less 950, and 1 / 75", ("BTC perpetual", 50.0)),
    _counts("binance", 47_500.0, 47_500.0, "haircut 5 %", ("BTC", 1.0)),
    _needs("hyperliquid", 3_125_000.0, 6_250_000.0, "150 million at 1.25 % and 50 at 2.5 %; twice that", ("BTC perpetual", 4_000.0)),
    _counts("hyperliquid", 0.0, 0.0, "USDC alone", ("BTC", 1.0)),
    _counts("aave", 660.0, 610.0, "ETH at 83 % and 80.5 %, a debt of 1,000", ("ETH", 1.0), ("USDC", -1_000.0)),
    _counts("compound", 800.0, 640.0, "ETH at 0.90 and 0.82, a debt of 1,000", ("ETH", 1.0), ("USDC", -1_000.0)),
    _needs("mango", 2_500.0, 5_000.0, "5 % and 10 %", ("BTC perpetual", -1.0)),
    _counts("mango", 45_000.0, 40_000.0, "weights 0.9 and 0.8", ("BTC", 1.0)),
    _counts("mango", -110.0, -120.0, "a debt of one SOL", ("SOL", -1.0)),
    _needs("drift", 2_500.0, 5_000.0, "5 % and 10 %, size factor below them", ("BTC perpetual", 1.0)),
    _needs("drift", 960_000.0, 1_120_000.0, "40,000 coins: 0.8 x 5 % + 0.001 x 200 = 24 %; 28 %", ("SOL perpetual", 40_000.0)),
    _counts("drift", 90.0, 80.0, "weights of SOL", ("SOL", 1.0)),
    _needs("dydx", 1_500.0, 2_500.0, "Large-Cap: 5 %, maintenance 60 % of it", ("BTC perpetual", 1.0)),
    _needs("dydx", 50.0, 550.0, "Small-Cap, open interest of 35 million: half way from 10 % to 100 %", ("LINK perpetual", 100.0)),
    _needs("synthetix", 750.0, 1_500.0, "1 % + 2 x 1 / 100; half for maintenance", ("BTC perpetual", -1.0)),
    _needs("cboe", 1_000.0, 2_000.0, "100 shares at 40: 25 % and 50 %", ("stock", 100.0)),
]


def _book() -> CaseBook:
    book = CaseBook(models={"default": {"kind": "tiered"}, **{preset: {"preset": preset} for preset in presets()}})
    for coin, price in (("BTC", 50_000.0), ("ETH", 2_000.0), ("SOL", 100.0), ("DOGE", 0.10), ("LINK", 10.0), ("WEETH", 100.0)):
        book.asset(coin, price)
    book.asset("USDC", 1.0, tags=["stablecoin"])
    book.asset("INDEX", 5_000.0, tags=["high_cap_index"])
    book.asset("STOCK", 40.0)
    for coin, price, open_interest in (("BTC", 50_000.0, 1e3), ("SOL", 100.0, 1.0), ("DOGE", 0.10, 1e9), ("LINK", 10.0, 3.5e6)):
        book.instrument(f"{coin} perpetual", "perpetual", coin, price, None, open_interest=open_interest, skew_scale=100.0)
    book.instrument("BTC quarterly", "future", "BTC", 50_000.0, None, expiry=after(YEAR / 4), open_interest=1.0, skew_scale=1e9)
    book.instrument("index", "future", "INDEX", 5_000.0, None, expiry=after(YEAR / 4), open_interest=1.0, skew_scale=1e9)
    book.instrument("stock", "spot", "STOCK", 40.0, None)
    call = {"expiry": after(7 * 86400.0), "strike": 80.0, "option_type": "call", "implied_vol": 0.20, "contract_size": 100.0}
    book.instrument("far call", "option", "STOCK", 1e-9, None, **call)
    book.instrument("far call on one", "option", "STOCK", 1e-9, None, **{**call, "contract_size": 1.0})
    for number, holding in enumerate(HOLDINGS):
        account = book.account(f"{number}")
        book.tables["accounts"][-1]["margin_model"] = holding.preset
        for instrument, quantity in holding.positions:
            book.position(account, instrument, quantity)
        for asset, quantity in holding.balance:
            book.deposit(account, asset, quantity)
    return book


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return Results(_book(), tmp_path_factory.mktemp("presets"))


def test_every_preset_is_held_to_figures() -> None:
    assert {holding.preset for holding in HOLDINGS} == set(presets())


@pytest.mark.parametrize("number", range(len(HOLDINGS)), ids=[f"{holding.preset}-{holding.why}" for holding in HOLDINGS])
def test_a_preset_gives_what_its_source_says(number: int, results: Results) -> None:
    holding = HOLDINGS[number]
    names = ("margin_balance", "margin_balance_initial") if holding.balance else ("maintenance_margin", "initial_margin")
    for name, expected in zip(names, (holding.maintenance, holding.initial), strict=True):
        check = Check(f"{name} ({holding.why})", figure(name), expected, f"{number}", rel=1e-9, abs=1e-6)
        assert check.wrong(results.row(check)) is None


SAID = {
    "paradex": "4,000 and 8,000 under `paradex` (16 %, half of it for maintenance)",
    "deribit": "8,000 and 10,400 under `deribit`",
    "okx": "6,000 and 7,800 under `okx` (12 %)",
    "derive_pmrm2": "7,950 and 10,000 under `derive_pmrm2`",
    "derive_standard": "2,500 and 3,250 under `derive_standard`",
    "dydx": "1,500 and 2,500 under `dydx`",
    "tims": "100 shares at 40 need 600 under `tims`",
    "cboe": "1,000 and 2,000 under `cboe`",
}
"""What the margin guide says of the first holding under each."""


@pytest.mark.parametrize("preset", SAID)
def test_the_guide_says_what_comes_out(preset: str) -> None:
    guide = " ".join((Path(__file__).parents[2] / "docs" / "margin-guide.md").read_text(encoding="utf-8").split())
    holding = next(each for each in HOLDINGS if each.preset == preset)
    assert SAID[preset] in guide
    figures = {f"{holding.maintenance:,.0f}", f"{holding.initial:,.0f}"}
    assert figures <= set(SAID[preset].replace("(", " ").split())


def test_presets_that_match_little_of_a_book_are_no_doubts(results: Results) -> None:
    quality = read_table(results.folder, "data_quality")
    assert quality.filter((quality["check"] == "margin file") & (quality["result"] != "pass")).is_empty()


def test_the_copy_of_the_margin_file_has_the_presets_written_out(results: Results) -> None:
    inputs = results.folder / "inputs"
    assert "preset" in (inputs / "margin_as_given.yaml").read_text(encoding="utf-8")
    written = (inputs / "margin.json").read_text(encoding="utf-8")
    assert '"preset"' not in written
    assert '"tims/market_value"' in written
    assert '"margin": "margin.json"' in (inputs / "run.json").read_text(encoding="utf-8")


def test_a_run_under_a_preset_is_explained_from_its_folder_alone(results: Results) -> None:
    number = next(number for number, holding in enumerate(HOLDINGS) if holding.preset == "derive_pmrm2")
    explanation, _ = derive_again(results.folder, f"{number}", "base", None, Silent())
    account = explanation.accounts.row(0, named=True)
    assert account["maintenance_margin"] == pytest.approx(HOLDINGS[number].maintenance, rel=1e-9)
