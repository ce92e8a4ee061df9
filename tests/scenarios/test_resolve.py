"""Scenarios against small books, with values worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scenarios.builders import book, in_days

from stresstest.errors import Reason, StressTestError
from stresstest.scenarios.files import load_scenarios
from stresstest.scenarios.names import MarginNames
from stresstest.scenarios.notices import Notice
from stresstest.scenarios.resolve import resolve
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions

ASSETS: dict[str, dict[str, Any]] = {
    "BTC": {"price": 100.0, "asset_class": "crypto"},
    "ETH": {"price": 10.0, "asset_class": "crypto", "tags": ["staked", "alt"]},
    "EUR": {"price": 1.25, "asset_class": "cash"},
    "SAP": {"price": 200.0, "price_currency": "EUR", "asset_class": "equity"},
    "USDC": {"price": 1.0, "asset_class": "crypto", "tags": ["stablecoin"]},
    "WTI": {"price": 60.0, "asset_class": "commodity", "may_be_negative": True},
    "WTI.Z26": {"price": 62.0, "asset_class": "commodity", "may_be_negative": True},
}
INSTRUMENTS: dict[str, dict[str, Any]] = {
    "BTC-PERP": {"kind": "perpetual", "underlying": "BTC"},
    "BTC-F": {"underlying": "BTC", "expiry": in_days(73), "mark_price": 102.0},
    "BTC-C100": {"kind": "option", "underlying": "BTC", "strike": 100.0, "option_type": "call", "expiry": in_days(73)},
    "BTC-P50": {"kind": "option", "underlying": "BTC", "strike": 50.0, "option_type": "put", "expiry": in_days(10), "forward": 100.0},
    "ETH-C20": {"kind": "option", "underlying": "ETH", "strike": 20.0, "option_type": "call", "expiry": in_days(60)},
    "OIL-Z26": {"underlying": "WTI.Z26", "risk_group": "WTI", "expiry": in_days(300)},
}
NAMES = MarginNames(schedules=("majors", "alts"), tiered_models=("default",), other_models=("pm",))


def _resolve(
    tmp_path: Path, shocks: str | list[str], about: str = "", names: MarginNames = NAMES, of: Dimensions | None = None
) -> tuple[Resolved, tuple[Notice, ...], dict[str, int]]:
    lists = [shocks] if isinstance(shocks, str) else shocks
    text = "scenarios:\n" + "".join(f"- {{id: s{number}, {about} shocks: [{each}]}}\n" for number, each in enumerate(lists, start=1))
    (tmp_path / "s.yaml").write_text(text)
    dimensions = of or book(ASSETS, INSTRUMENTS, ("bridge-x", "chain-y"))
    resolved, notices = resolve(load_scenarios([tmp_path / "s.yaml"]), dimensions, names)
    codes = {name: code for code, name in enumerate(dimensions.assets["asset"])}
    return resolved, notices, codes | {name: code for code, name in enumerate(dimensions.instruments["instrument_id"])}


def _spots(tmp_path: Path, shocks: str) -> dict[str, float]:
    resolved, _, codes = _resolve(tmp_path, shocks)
    return {asset: resolved.spot[codes[asset], 1] for asset in ("BTC", "ETH", "EUR", "SAP", "USD", "USDC", "WTI")}


BASE = {"BTC": 100.0, "ETH": 10.0, "EUR": 1.25, "SAP": 200.0, "USD": 1.0, "USDC": 1.0, "WTI": 60.0}


@pytest.mark.parametrize(("shocks", "moved"), [
    ("{factor: 'spot:BTC', relative: -0.3}", {"BTC": 70.0}),
    ("{factor: 'spot:BTC', absolute: -30}", {"BTC": 70.0}),
    ("{factor: 'spot:BTC', scale: 0.7}", {"BTC": 70.0}),
    ("{factor: 'spot:BTC', replace: 70}", {"BTC": 70.0}),
    # types compose in a fixed order: ((100 * 1.1) + 10) * 0.5
    ("{factor: 'spot:BTC', scale: 0.5}, {factor: 'spot:BTC', absolute: 10}, {factor: 'spot:BTC', relative: 0.1}", {"BTC": 60.0}),
    ("{factor: 'spot:WTI', replace: -37.63}, {factor: 'spot:*', relative: -0.5}",
     {"WTI": -37.63, "BTC": 50.0, "ETH": 5.0, "SAP": 100.0}),
    # per type the first match wins
    ("{factor: 'spot:BTC', relative: -0.1}, {factor: 'spot:*', relative: -0.5}", {"BTC": 90.0, "ETH": 5.0, "SAP": 100.0, "WTI": 30.0}),
    ("{factor: 'spot:*', relative: -0.5}, {factor: 'spot:BTC', relative: -0.1}", {"BTC": 50.0, "ETH": 5.0, "SAP": 100.0, "WTI": 30.0}),
    # * leaves cash, stablecoins and the reporting currency alone, unless a class or tag is named
    ("{factor: 'spot:*', where: {asset_class: crypto}, relative: -0.5}", {"BTC": 50.0, "ETH": 5.0, "USDC": 0.5}),
    ("{factor: 'spot:*', where: {asset_class: [cash, equity]}, relative: -0.5}", {"EUR": 0.625, "SAP": 100.0}),
    ("{factor: 'spot:*', where: {tags: stablecoin}, relative: -0.12}", {"USDC": 0.88}),
    ("{factor: 'spot:*', where: {not_tags: alt}, relative: -0.5}", {"BTC": 50.0, "SAP": 100.0, "WTI": 30.0}),
    ("{factor: 'spot:*', where: {tags: [alt, other]}, relative: -0.5}", {"ETH": 5.0}),
    ("{factor: 'spot:USDC', relative: -0.12}", {"USDC": 0.88}),
    # a filter on a named factor holds or does not
    ("{factor: 'spot:BTC', where: {asset_class: equity}, relative: -0.5}, {factor: 'spot:BTC', relative: -0.1}", {"BTC": 90.0}),
    ("{factor: 'spot:*', where: {risk_group: BTC}, relative: -0.5}", {"BTC": 50.0}),
])  # fmt: skip
def test_spots(tmp_path: Path, shocks: str, moved: dict[str, float]) -> None:
    assert _spots(tmp_path, shocks) == pytest.approx(BASE | moved, rel=1e-15)


def test_base_is_exact_and_first(tmp_path: Path) -> None:
    resolved, notices, codes = _resolve(tmp_path, "{factor: 'spot:*', relative: -0.3}")
    assert resolved.ids == ("base", "s1")
    assert {asset: resolved.spot[codes[asset], 0] for asset in BASE} == BASE
    assert notices == ()
    assert not resolved.holding_rows
    assert not resolved.margin_rate
    assert not resolved.depth


def test_values_follow_the_price_currencies(tmp_path: Path) -> None:
    resolved, _, codes = _resolve(tmp_path, "{factor: 'spot:EUR', relative: 0.2}, {factor: 'spot:SAP', relative: -0.5}")
    assert resolved.value[codes["SAP"]] == pytest.approx([250.0, 150.0])
    assert resolved.value[codes["EUR"]] == pytest.approx([1.25, 1.5])
    assert list(resolved.value[codes["USD"]]) == [1.0, 1.0]


def test_a_risk_group_takes_its_delivery_months_along(tmp_path: Path) -> None:
    resolved, _, codes = _resolve(tmp_path, "{factor: 'spot:*', where: {risk_group: WTI}, absolute: -70}")
    assert resolved.spot[codes["WTI.Z26"], 1] == -8.0
    assert resolved.spot[codes["WTI"], 1] == 60.0, "no instrument follows it"


def test_duration_moves_before_the_spot_shock(tmp_path: Path) -> None:
    of = book({"BILL": {"price": 98.0, "duration": 2.0, "convexity": 5.0, "rate": 0.04}, "CASH": {"rate": 0.01}})
    resolved, _, codes = _resolve(
        tmp_path, ["{factor: 'rate:*', absolute: 0.01}", "{factor: 'rate:BILL', replace: 0.02}, {factor: 'spot:BILL', relative: -0.5}"], of=of
    )
    # 98 * (1 - 2*0.01 + 5*0.0001/2), and 98 * (1 + 2*0.02 + 5*0.0004/2) / 2
    assert resolved.spot[codes["BILL"]] == pytest.approx([98.0, 96.0645, 51.009])
    assert resolved.rate[codes["BILL"]] == pytest.approx([0.04, 0.05, 0.02])
    assert resolved.rate[codes["CASH"]] == pytest.approx([0.01, 0.02, 0.01])
    assert resolved.spot[codes["CASH"]] == pytest.approx([1.0, 1.0, 1.0]), "no duration: the rate moves nothing"


def _vols(resolved: Resolved, codes: dict[str, int], scenario: int = 1) -> dict[str, tuple[float, float]]:
    places = {int(code): place for place, code in enumerate(resolved.option_codes)}
    return {name: (float(resolved.vol_scale[places[code], scenario]), float(resolved.vol_shift[places[code], scenario]))
            for name, code in codes.items() if code in places and name in ("BTC-C100", "BTC-P50", "ETH-C20")}  # fmt: skip


@pytest.mark.parametrize(("shock", "moved"), [
    ("{factor: 'vol:*', relative: 0.8}", {"BTC-C100": (1.8, 0), "BTC-P50": (1.8, 0), "ETH-C20": (1.8, 0)}),
    ("{factor: 'vol:BTC', absolute: 0.1}, {factor: 'vol:*', scale: 2}", {"BTC-C100": (2, 0.2), "BTC-P50": (2, 0.2), "ETH-C20": (2, 0)}),
    ("{factor: 'vol:*', where: {tenor_days: [10, 60]}, replace: 0.5}", {"BTC-P50": (0, 0.5), "ETH-C20": (0, 0.5)}),
    ("{factor: 'vol:*', where: {tenor_days: [10.001, null]}, replace: 0.5}", {"BTC-C100": (0, 0.5), "ETH-C20": (0, 0.5)}),
    ("{factor: 'vol:*', where: {option_type: put}, relative: 1}", {"BTC-P50": (2, 0)}),
    ("{factor: 'vol:*', where: {tags: staked}, relative: 1}", {"ETH-C20": (2, 0)}),
    ("{factor: 'vol:*', where: {risk_group: [ETH]}, relative: 1}", {"ETH-C20": (2, 0)}),
    # ln(100/102) = -0.0198 from the future of that expiry; ln(50/100) = -0.693 from its forward; ln(20/10) = 0.693 from the rate
    ("{factor: 'vol:*', where: {log_moneyness: [-0.02, -0.01]}, relative: 1}", {"BTC-C100": (2, 0)}),
    ("{factor: 'vol:*', where: {log_moneyness: [null, -0.5]}, relative: 1}", {"BTC-P50": (2, 0)}),
    ("{factor: 'vol:*', where: {log_moneyness: [0.6, 0.7]}, relative: 1}", {"ETH-C20": (2, 0)}),
])  # fmt: skip
def test_vols(tmp_path: Path, shock: str, moved: dict[str, tuple[float, float]]) -> None:
    resolved, _, codes = _resolve(tmp_path, shock)
    still = {"BTC-C100": (1.0, 0.0), "BTC-P50": (1.0, 0.0), "ETH-C20": (1.0, 0.0)}
    assert _vols(resolved, codes) == {name: pytest.approx(pair) for name, pair in (still | moved).items()}
    assert _vols(resolved, codes, 0) == still


def test_terms_scale_by_days_to_expiry(tmp_path: Path) -> None:
    resolved, _, codes = _resolve(
        tmp_path, "{factor: 'vol:*', relative: 0.8, term: {reference_days: 30, power: 0.3, power_long: 0.13, min_days: 20}}"
    )
    assert _vols(resolved, codes)["BTC-P50"][0] == pytest.approx(1 + 0.8 * (30 / 20) ** 0.3)
    assert _vols(resolved, codes)["ETH-C20"][0] == pytest.approx(1 + 0.8 * (30 / 60) ** 0.13)
    assert _vols(resolved, codes)["BTC-C100"][0] == pytest.approx(1 + 0.8 * (30 / 73) ** 0.13)


def test_basis_annualised_is_times_the_time_left(tmp_path: Path) -> None:
    shock = "{factor: 'basis:*', where: {kind: [future, perpetual]}, absolute: -0.1, annualised: true}"
    resolved, _, codes = _resolve(tmp_path, [shock, "{factor: 'basis:BTC-F', replace: 0.02}"])
    assert resolved.basis[codes["BTC-F"]] == pytest.approx([0.0, -0.1 * 73 / 365, 0.02])
    assert resolved.basis[codes["BTC-PERP"]] == pytest.approx([0.0, -0.1, 0.0])
    assert resolved.basis[codes["BTC-C100"]] == pytest.approx([0.0, 0.0, 0.0])
    decaying, _, _ = _resolve(tmp_path, shock, "horizon_days: 10, decay: true,")
    assert decaying.basis[codes["BTC-F"], 1] == pytest.approx(-0.1 * 63 / 365)
    assert decaying.elapsed_years == pytest.approx([0.0, 10 / 365])


def test_collateral_and_haircuts(tmp_path: Path) -> None:
    shocks = "{factor: 'collateral:*', relative: -0.1}, {factor: 'haircut:BTC', absolute: 0.1}, {factor: 'haircut:BTC', scale: 2}"
    resolved, notices, codes = _resolve(tmp_path, shocks)
    assert resolved.collateral_ratio[codes["BTC"], 1] == 0.9
    assert resolved.collateral_ratio[codes["USDC"], 1] == 0.9, "only spot leaves stablecoins alone"
    assert resolved.collateral_ratio[codes["USD"], 1] == 1.0
    assert (resolved.haircut_scale[codes["BTC"], 1], resolved.haircut_shift[codes["BTC"], 1]) == (2.0, 0.2)
    assert (resolved.haircut_scale[codes["ETH"], 1], resolved.haircut_shift[codes["ETH"], 1]) == (1.0, 0.0)
    assert notices == ()


def test_holdings_by_location_and_asset(tmp_path: Path) -> None:
    usdc = "{factor: 'holding:USDC', where: {location: bridge-x}, replace: 0.4}"
    shocks = f"{usdc}, {{factor: 'holding:*', where: {{location: bridge-x}}, replace: 0}}, {{factor: 'holding:ETH', scale: 0.5}}"
    resolved, _, codes = _resolve(tmp_path, shocks)
    bridge, chain = 0, 1
    assert list(resolved.holding_rows[codes["USDC"], bridge]) == [1.0, 0.4]
    assert list(resolved.holding_rows[codes["USD"], bridge]) == [1.0, 0.0]
    assert list(resolved.holding_rows[codes["ETH"], bridge]) == [1.0, 0.0]
    assert list(resolved.holding_rows[codes["ETH"], chain]) == [1.0, 0.5]
    assert list(resolved.holding_rows[codes["ETH"], -1]) == [1.0, 0.5]
    assert (codes["BTC"], chain) not in resolved.holding_rows


def test_margin_rates_of_schedules_and_models(tmp_path: Path) -> None:
    resolved, _, _ = _resolve(
        tmp_path,
        ["{factor: 'margin_rate:majors', scale: 2}, {factor: 'margin_rate:*', scale: 1.5}", "{factor: 'margin_rate:default', relative: 0.1}"],
    )
    rates = {name: [float(each) for each in rate] for name, rate in resolved.margin_rate.items()}
    assert rates == {"majors": [1, 2, 1], "alts": [1, 1.5, 1], "pm": [1, 1.5, 1], "default": [1, 1, pytest.approx(1.1)]}


def test_depth_of_assets(tmp_path: Path) -> None:
    of = book({"BTC": {"depth": 1e6}, "ETH": {}})
    resolved, _, codes = _resolve(tmp_path, ["{factor: 'depth:*', scale: 0.5}", "{factor: 'depth:ETH', replace: 5}"], of=of)
    assert list(resolved.depth[codes["BTC"]]) == [1e6, 5e5, 1e6]
    assert math.isnan(resolved.depth[codes["ETH"]][1])
    assert resolved.depth[codes["ETH"]][2] == 5.0
    # What the scenarios do to any depth: half of it, or 5 whatever it is.
    assert [list(each) for each in resolved.depth_moves[codes["ETH"]]] == [[1.0, 0.5, 0.0], [0.0, 0.0, 5.0]]
    assert [list(each) for each in resolved.take([2, 1]).depth_moves[codes["BTC"]]] == [[1.0, 0.5], [0.0, 0.0]]


# ---------------------------------------------------------------- findings


@pytest.mark.parametrize(("shock", "notice"), [
    ("{factor: 'collateral:BTC', absolute: -2}",
     Notice("clamped", "s1", "collateral", "1 stressed collateral value brought to at least 0", 1, ((1, 1),))),
    ("{factor: 'holding:BTC', where: {location: chain-y}, scale: 3}",
     Notice("clamped", "s1", "holding", "1 stressed holding value brought to between 0 and 1", 1, ((1, 1),))),
    ("{factor: 'margin_rate:*', replace: -1}",
     Notice("clamped", "s1", "margin_rate", "3 stressed margin_rate values brought to at least 0", 3, ((1, 3),))),
    ("{factor: 'spot:BTCC', relative: 0.1}",
     Notice("unknown factor", "s1", "spot:BTCC", "spot:BTCC matches nothing: there is no asset `BTCC`. Did you mean `BTC`?", 1)),
    ("{factor: 'basis:BTC-X', absolute: 0.1}",
     Notice("unknown factor", "s1", "basis:BTC-X", "basis:BTC-X matches nothing: there is no instrument `BTC-X`. Did you mean `BTC-F`?", 1)),
    ("{factor: 'margin_rate:minors', scale: 2}", Notice("unknown factor", "s1", "margin_rate:minors",
     "margin_rate:minors matches nothing: there is no margin schedule or model `minors`. Did you mean `majors`?", 1)),
    ("{factor: 'spot:*', where: {asset_class: cryto}, relative: 0.1}",
     Notice("no match", "s1", "spot:*", "spot:* matches nothing: no asset passes its filter", 1)),
    ("{factor: 'vol:SAP', relative: 0.1}", Notice("no match", "s1", "vol:SAP", "vol:SAP matches nothing: there is nothing it moves", 1)),
])  # fmt: skip
def test_notices(tmp_path: Path, shock: str, notice: Notice) -> None:
    _, notices, _ = _resolve(tmp_path, shock)
    assert notices == (notice,)


def test_notices_of_one_factor_are_counted_together(tmp_path: Path) -> None:
    _, notices, _ = _resolve(
        tmp_path, ["{factor: 'spot:BTC', relative: 0.1}", "{factor: 'spot:ZZZ', relative: 0.1}", "{factor: 'spot:ZZZ', relative: 0.2}"]
    )
    assert [(each.scenario_id, each.factor, each.count) for each in notices] == [("s2", "spot:ZZZ", 2)]


def _faults(tmp_path: Path, shocks: str | list[str], names: MarginNames = NAMES) -> list[str]:
    with pytest.raises(StressTestError) as caught:
        _resolve(tmp_path, shocks, names=names)
    assert caught.value.reason is Reason.SCENARIO
    return [fault.text().replace(f"{tmp_path}/", "") for fault in caught.value.faults]


def test_faults_of_all_scenarios_come_at_once(tmp_path: Path) -> None:
    hint = "Only assets with `may_be_negative` can have a price of zero or below: set it, or make the shock smaller."
    shocks = [
        "{factor: 'spot:*', relative: -1}",
        "{factor: 'spot:WTI', replace: -37.63}",
        "{factor: 'spot:USD', relative: 0.1}",
        "{factor: 'spot:BTC', replace: 0}",
        "{factor: 'spot:BTC', scale: 1e308}",
    ]
    assert _faults(tmp_path, shocks) == [
        f"s.yaml:2: scenario `s1`: the price of BTC would be 0 (and 2 more). {hint}",
        "s.yaml:4: scenario `s3`: shocks USD, the reporting currency, whose price is 1 by definition. Shock the prices of the other assets instead.",
        f"s.yaml:5: scenario `s4`: the price of BTC would be 0. {hint}",
        "s.yaml:6: scenario `s5`: a spot factor leaves the range of numbers. Make the shocks smaller.",
    ]


def test_a_margin_rate_that_means_two_things_is_refused_only_when_shocked(tmp_path: Path) -> None:
    twofold = MarginNames(schedules=("default", "alts"), tiered_models=("default",))
    [fault] = _faults(tmp_path, "{factor: 'margin_rate:*', scale: 2}", twofold)
    assert fault.startswith("s.yaml:2: scenario `s1`: `margin_rate:default` means a margin schedule and a model")
    resolved, _, _ = _resolve(tmp_path, "{factor: 'margin_rate:alts', scale: 2}", names=twofold)
    assert list(resolved.margin_rate) == ["alts"]


def test_circular_price_currencies_are_refused(tmp_path: Path) -> None:
    of = book({"A": {"price_currency": "B"}, "B": {"price_currency": "A"}})
    with pytest.raises(StressTestError) as caught:
        _resolve(tmp_path, "", of=of)
    assert caught.value.reason is Reason.INPUT_DATA
    assert caught.value.faults[0].keys == ("A", "B")


def test_a_book_without_instruments_or_locations(tmp_path: Path) -> None:
    resolved, _, codes = _resolve(tmp_path, "{factor: 'spot:*', relative: -0.5}, {factor: 'holding:*', replace: 0.5}", of=book({"BTC": {}}))
    assert resolved.spot[codes["BTC"], 1] == 0.5
    assert resolved.vol_scale.shape == (0, 2)
    assert resolved.basis.shape == (0, 2)
    assert list(resolved.holding_rows[codes["USD"], -1]) == [1.0, 0.5]
    np.testing.assert_array_equal(resolved.option_codes, [])
