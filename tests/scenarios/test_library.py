"""The shipped scenarios: what they say of themselves, that they fit any book, and that they reach what they mean."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scenarios.any_book import ASSETS, INSTRUMENTS, LOCATIONS
from scenarios.builders import book

from stresstest.scenarios.files import load_scenarios
from stresstest.scenarios.names import MarginNames
from stresstest.scenarios.resolve import resolve
from stresstest.scenarios.resolved import Resolved
from stresstest.scenarios.scenario_set import Scenario, ScenarioSet
from stresstest.snapshot.book import Dimensions

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "../shared/references/historical_events.md"
NAMES = MarginNames(schedules=("majors", "gold", "silver"))
CRISIS, STANDARD = load_scenarios(["library:crisis"]), load_scenarios(["library:standard"])
BOTH = [(found, each) for found in (CRISIS, STANDARD) for each in found.scenarios[1:]]
ID = re.compile(r"[a-z_0-9]+?_(?P<date>\d{4}_\d\d_\d\d)_(?P<how>close|intraday|small_coins|(?P<days>\d+)d)")


def in_full(found: ScenarioSet, scenario_id: str, of: Dimensions) -> tuple[Resolved, int]:
    return resolve(found, of, NAMES)[0], found.ids.index(scenario_id)


# ---------------------------------------------------------------- what they say of themselves


@pytest.mark.parametrize(("found", "scenario"), BOTH, ids=lambda each: getattr(each, "id", ""))
def test_every_figure_has_a_source_and_a_grade(found: ScenarioSet, scenario: Scenario) -> None:
    assert scenario.any_book
    assert scenario.source
    for shock in found.shocks_of(scenario.id):
        grade = shock.grade or scenario.grade
        assert grade in ("A", "B", "C", "proxy", "assumption")
        if found is CRISIS:
            assert shock.source
            # A proxy says of what; the move of a whole class is never the record of one series.
            whole = shock.where is not None and shock.where.asset is None and shock.where.risk_group is None and shock.factor.endswith("*")
            recorded = ("smaller end" in shock.source) or shock.factor.startswith("basis")
            assert grade in ("proxy", "assumption") or not whole or recorded, shock


@pytest.mark.parametrize("scenario", CRISIS.scenarios[1:], ids=lambda each: each.id)
def test_historical_ids_say_when_and_how(scenario: Scenario) -> None:
    match = ID.fullmatch(scenario.id)
    assert match is not None
    first = date.fromisoformat(match["date"].replace("_", "-"))
    assert scenario.family == "historical"
    assert not scenario.decay
    if match["days"]:
        assert scenario.horizon_days == int(match["days"])
        assert scenario.headline is (scenario.horizon_days <= 14)
    if match["days"] and not scenario.id.startswith("yen_1998"):
        begin, end = (date.fromisoformat(text) for text in re.findall(r"\d{4}-\d\d-\d\d", scenario.source or ""))
        assert (begin, (end - begin).days) == (first, scenario.horizon_days)


def test_there_are_enough_and_no_id_is_used_twice() -> None:
    dates = {match["date"] for each in CRISIS.ids[1:] if (match := ID.fullmatch(each))}
    assert len(dates) >= 30
    assert 25 <= len(STANDARD) - 1 <= 40
    together = load_scenarios(["library:crisis", "library:standard", ROOT / "sample_data/scenarios.yaml"])
    assert len(together.ids) == len(set(together.ids))
    assert {each.family for each in STANDARD.scenarios[1:]} == {"hypothetical", "operational"}


def test_where_an_intraday_scenario_is_named_its_close_is_there_too() -> None:
    for each in CRISIS.ids[1:]:
        if each.endswith("_intraday") and each not in (
            "black_thursday_2020_03_13_intraday",
            "usdc_depeg_2023_03_11_intraday",
            "yen_1998_10_08_intraday",
        ):
            assert each.replace("_intraday", "_close") in CRISIS.ids


# ---------------------------------------------------------------- on any book


BOOKS: dict[str, tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]], tuple[str, ...], str]] = {
    "everything": (ASSETS, INSTRUMENTS, LOCATIONS, "USD"),
    "nothing but dollars": ({}, {}, (), "USD"),
    "coins in USDC": ({"BTC": {"price": 9e4, "asset_class": "crypto"}, "USDC": {"asset_class": "crypto"}}, {}, (), "USDC"),
    "shares in euro": ({"EUR": {"asset_class": "cash"}, "DAX": {"price": 2e4, "price_currency": "EUR", "asset_class": "equity"}}, {}, (), "EUR"),
    "oil that may not be negative": ({"WTI": {"price": 60.0, "asset_class": "commodity"}}, {"WTI-F": {"underlying": "WTI"}}, (), "USD"),
    "treasuries called UST": ({"UST": {"asset_class": "rates", "duration": 8.0}}, {}, (), "USD"),
}


@pytest.mark.parametrize("name", BOOKS)
@pytest.mark.parametrize("found", [CRISIS, STANDARD], ids=["crisis", "standard"])
def test_every_scenario_applies_to_any_book(name: str, found: ScenarioSet) -> None:
    assets, instruments, locations, reporting = BOOKS[name]
    plain = book(assets, instruments, locations)
    of = Dimensions(**{**vars(plain), "reporting_currency": reporting}) if reporting == "USD" else _reporting_in(plain, reporting)
    resolved, notices = resolve(found, of, NAMES)
    assert np.isfinite(resolved.spot).all()
    # What is not in a book is told; only a reporting currency that a scenario would shock needs a look.
    assert {notice.kind for notice in notices} <= {"not in this book", "clamped", "reporting currency"}
    assert any(notice.kind == "reporting currency" for notice in notices) is (reporting != "USD")
    assert (resolved.spot[list(of.assets["asset"]).index(reporting)] == 1.0).all()


def _reporting_in(of: Dimensions, currency: str) -> Dimensions:
    """The book in another reporting currency: what was priced in dollars is priced in it (dollars too)."""
    import polars as pl

    assets = of.assets.with_columns(price_currency=pl.lit(currency))
    return Dimensions(**{**vars(of), "assets": assets, "reporting_currency": currency})


def test_treasuries_are_no_stablecoin() -> None:
    of = book(BOOKS["treasuries called UST"][0])
    resolved, s = in_full(CRISIS, "luna_2022_05_04_8d", of)
    assert resolved.spot[list(of.assets["asset"]).index("UST"), s] == pytest.approx(1.0 + 8.0 * 0.0009)  # 10-year -9 bp


# ---------------------------------------------------------------- they reach what they mean

# Scenario, asset, stressed price over base price in its price currency. Typed from the published moves; 1 = stays.
REACHES = [
    ("black_monday_1987_10_19_close", {"SPX": 0.7953, "NDX": 0.8865, "CHIP": 0.8865, "ACME": 0.7953, "SX5E": 0.9207, "DAX": 0.9207, "NKY": 0.7953,
                                       "MXEF": 0.7953, "WTI-N": 0.9783, "BRENT": 0.9783, "NG": 1.0, "XAU": 1.0, "BTC": 1.0, "EUR": 1.0}),
    ("black_monday_1987_10_20_close", {"NKY": 0.851, "SPX": 1.0533, "NDX": 0.91, "MXEF": 1.0533}),
    ("lehman_2008_09_15_close", {"XAU": 1.03, "XPT": 1.03, "HG": 1.0, "PAXG": 1.03, "EUR": 1.006, "JPY": 1.0131, "CHF": 1.0, "GBP": 1.0}),
    ("swiss_floor_2015_01_15_close", {"CHF": 1.1616, "BTC": 1.1782, "ETH": 1.1782, "SOL": 1.1782}),
    ("swiss_floor_2015_01_15_intraday", {"CHF": 1.4049}),
    ("brexit_2016_06_24_close", {"GBP": 0.9216, "SX5E": 0.9138}),
    ("black_thursday_2020_03_12_close", {"BTC": 0.6283, "ETH": 0.5765, "DOGE": 0.5765, "USDC": 1.0, "USDT": 1.0, "USTC": 1.0, "STETH": 1.0,
                                         "SPX": 0.9049, "XAU": 0.9683, "PAXG": 0.9683, "WTI-N": 0.9526, "MXN": 1.0}),
    ("black_thursday_2020_03_13_intraday", {"BTC": 0.519, "ETH": 0.488, "SOL": 0.488}),
    ("negative_oil_2020_04_20_close", {"WTI-M": -37.63 / 60.0, "WTI-N": 0.82, "BRENT": 1.0, "NG": 1.0}),
    ("negative_oil_2020_04_20_intraday", {"WTI-M": -40.32 / 60.0}),
    ("brent_2020_04_21_close", {"BRENT": 0.5253, "WTI-N": 1.0}),
    ("luna_2022_05_04_8d", {"USTC": 0.2, "USDC": 1.0, "USDE": 1.0, "BTC": 0.732}),
    ("ftx_2022_11_05_4d", {"SOL": 0.384, "BTC": 0.746, "ETH": 0.676, "DOGE": 0.676}),
    ("usdc_depeg_2023_03_11_intraday", {"USDC": 0.8774, "USDT": 1.06, "BTC": 1.0}),
    ("yen_carry_2024_08_05_close", {"NKY": 0.876, "JPY": 1.0470, "BTC": 0.929}),
    ("coin_liquidations_2025_10_10_intraday", {"BTC": 0.859, "ETH": 0.792, "SOL": 0.792, "USDE": 0.9}),
    ("coin_liquidations_2025_10_10_small_coins", {"BTC": 0.859, "ETH": 0.792, "SOL": 0.3, "PAXG": 1.0075, "USDT": 1.0}),
    ("metals_crash_2026_01_30_close", {"XAU": 0.8863, "XAG": 0.686, "XPT": 0.8863, "HG": 1.0}),
    ("oil_spike_2026_02_27_39d", {"WTI-N": 1.711, "BRENT": 1.711, "NOTE": 1.0 - 5.0 * 0.0038}),
]  # fmt: skip


@pytest.mark.parametrize(("scenario", "moves"), REACHES, ids=[each[0] for each in REACHES])
def test_prices_move_as_recorded(scenario: str, moves: dict[str, float]) -> None:
    of = book(ASSETS, INSTRUMENTS, LOCATIONS)
    resolved, s = in_full(CRISIS, scenario, of)
    place = {asset: code for code, asset in enumerate(of.assets["asset"])}
    found = {asset: resolved.spot[place[asset], s] / resolved.spot[place[asset], 0] for asset in moves}
    assert found == pytest.approx(moves, abs=1e-9)


def test_a_staked_coin_follows_its_coin() -> None:
    of = book(ASSETS, INSTRUMENTS)
    resolved, s = in_full(CRISIS, "black_thursday_2020_03_12_close", of)
    place = list(of.assets["asset"]).index("STETH")
    assert resolved.value[place, s] == pytest.approx(0.5765 * 3_000.0)


def test_what_moves_besides_prices() -> None:
    of = book(ASSETS, INSTRUMENTS, LOCATIONS)
    names = {name: code for code, name in enumerate(of.instruments["instrument_id"])}
    resolved, thursday = in_full(CRISIS, "black_thursday_2020_03_12_close", of)
    options = {name: place for place, code in enumerate(resolved.option_codes) for name in [of.instruments["instrument_id"][int(code)]]}
    # VIX +21.57 points on index options of 30 days, whatever the index; coin vols by three times the fall of 37.17 %; gold vols stay.
    assert resolved.vol_shift[options["SPX-P"], thursday] == pytest.approx(0.2157)
    assert resolved.vol_shift[options["DAX-P"], thursday] == pytest.approx(0.2157)
    assert resolved.vol_scale[options["BTC-P"], thursday] == pytest.approx(1.0 + 3.0 * 0.3717)
    assert (resolved.vol_scale[options["XAU-P"], thursday], resolved.vol_shift[options["XAU-P"], thursday]) == (1.0, 0.0)
    # A fall of the VIX is a ratio: 52.33 to 33.62.
    pause = CRISIS.ids.index("tariff_pause_2025_04_09_close")
    assert resolved.vol_scale[options["SPX-P"], pause] == pytest.approx(33.62 / 52.33, abs=5e-5)
    night = CRISIS.ids.index("black_thursday_2020_03_13_intraday")
    assert resolved.basis[names["BTC-PERP"], night] == -0.10
    crash = CRISIS.ids.index("metals_crash_2026_01_30_close")
    assert (resolved.margin_rate["gold"][crash], resolved.margin_rate["silver"][crash]) == (1.3333, 1.3636)
    assert "majors" not in resolved.margin_rate
    liquidations = CRISIS.ids.index("coin_liquidations_2025_10_10_intraday")
    # 0.65 on the venue that marked it to its own book, 0.90 elsewhere.
    assert 0.90 * resolved.collateral_ratio[list(of.assets["asset"]).index("USDE"), liquidations] == pytest.approx(0.65, abs=1e-4)


def test_the_standard_set_reaches_classes_tags_and_locations() -> None:
    of = book(ASSETS, INSTRUMENTS, LOCATIONS)
    resolved, _ = resolve(STANDARD, of, NAMES)
    place, at = {asset: code for code, asset in enumerate(of.assets["asset"])}, {name: code for code, name in enumerate(sorted(LOCATIONS))}

    def moved(scenario: str, *assets: str) -> list[float]:
        s = STANDARD.ids.index(scenario)
        return [round(float(resolved.spot[place[asset], s] / resolved.spot[place[asset], 0]), 9) for asset in assets]

    assert moved("coins_down_30", "BTC", "ETH", "SOL", "USDC", "USDT", "PAXG", "SPX") == [0.75, 0.70, 0.60, 1.0, 1.0, 1.0, 1.0]
    assert moved("small_coins_down_70", "BTC", "ETH", "DOGE") == [0.88, 0.80, 0.30]
    assert moved("equities_down_20", "SPX", "CHIP", "MXEF", "NKY", "BTC") == [0.80, 0.75, 0.75, 0.80, 0.85]
    assert moved("oil_down_30", "WTI-N", "BRENT", "NG", "XAU") == [0.70, 0.70, 0.85, 1.0]
    assert moved("metals_down_15", "XAU", "XAG", "XPT", "HG", "WTI-N") == [0.85, 0.68, 0.80, 0.90, 1.0]
    assert moved("dollar_up_10", "EUR", "GBP", "MXN", "USDC", "USD") == [0.90, 0.90, 0.82, 1.0, 1.0]
    assert moved("synthetic_stablecoins_down_70", "USDE", "USDC", "BTC") == [0.30, 1.0, 0.90]
    assert moved("coins_and_depeg", "USDC", "USDT", "USDE", "SOL") == [0.95, 0.95, 0.85, 0.60]
    assert moved("staked_coins_down_10", "STETH", "ETH") == [0.90, 1.0]
    assert moved("rates_up_200bp", "NOTE", "SPX") == [1.0 - 5.0 * 0.02, 0.92]
    s = STANDARD.ids.index("loss_at_custodians")
    assert {pair[1] for pair, shares in resolved.holding_rows.items() if shares[s] == 0.5} == {at["My Custodian"]}
    s = STANDARD.ids.index("loss_at_bridges")
    assert {pair[1] for pair, shares in resolved.holding_rows.items() if shares[s] == 0.0} == {at["bridge-b"]}
    s = STANDARD.ids.index("loss_at_banks")
    assert {pair[1] for pair, shares in resolved.holding_rows.items() if shares[s] == 0.8} == {at["bank-a"]}
    s = STANDARD.ids.index("margin_rates_up_50")
    assert {name: rates[s] for name, rates in resolved.margin_rate.items()} == {"majors": 1.5, "gold": 1.5, "silver": 1.5}
    s = STANDARD.ids.index("haircuts_up_15")
    assert [resolved.haircut_shift[place[asset], s] for asset in ("BTC", "STETH", "USDC", "USDT", "USD")] == [0.15, 0.15, 0.05, 0.0, 0.0]


def test_no_option_is_caught_by_two_shifts_at_once() -> None:
    of = book(ASSETS, INSTRUMENTS, LOCATIONS)
    for found in (CRISIS, STANDARD):
        resolved, _ = resolve(found, of, NAMES)
        assert not ((resolved.vol_scale != 1.0) & (resolved.vol_shift != 0.0)).any()
