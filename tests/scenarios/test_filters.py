"""Filters by name, by sign and by pattern, and sets that are written for any book."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scenarios.builders import book

from stresstest.errors import StressTestError
from stresstest.scenarios.files import load_scenarios
from stresstest.scenarios.names import MarginNames
from stresstest.scenarios.notices import Notice
from stresstest.scenarios.resolve import resolve
from stresstest.scenarios.resolved import Resolved

ASSETS: dict[str, dict[str, Any]] = {
    "BTC": {"price": 100.0, "asset_class": "crypto"},
    "ETH": {"price": 10.0, "asset_class": "crypto"},
    "USDT": {"asset_class": "stablecoin", "tags": ["stablecoin"]},
    "WTI": {"price": 60.0, "asset_class": "commodity", "may_be_negative": True},
    "WTI2": {"price": 61.0, "asset_class": "commodity"},
}
INSTRUMENTS = {"WTI-F": {"underlying": "WTI", "risk_group": "oil"}, "WTI2-F": {"underlying": "WTI2", "risk_group": "oil"}}
LOCATIONS = ("bridge-x", "cold (1)", "old bridge", "vault")


def resolved(tmp_path: Path, shocks: str, head: str = "") -> tuple[Resolved, tuple[Notice, ...]]:
    (tmp_path / "s.yaml").write_text(f"{head}\nscenarios: [{{id: s, shocks: [{shocks}]}}]")
    return resolve(load_scenarios([tmp_path / "s.yaml"]), book(ASSETS, INSTRUMENTS, LOCATIONS), MarginNames())


PLACES = {name: code for code, name in enumerate(sorted([*ASSETS, "USD"]))}


@pytest.mark.parametrize(("where", "moved"), [
    ("asset: BTC", {"BTC"}),
    ("asset: [BTC, WTI, NOT-THERE]", {"BTC", "WTI"}),
    ("not_asset: BTC", {"ETH", "WTI", "WTI2"}),  # cash and stablecoins stay: neither asset, class nor tag is named
    ("asset: USDT", {"USDT"}),
    ("asset_class: [crypto, stablecoin], not_asset: [BTC]", {"ETH", "USDT"}),
    ("may_be_negative: true", {"WTI"}),
    ("risk_group: oil, may_be_negative: false", {"WTI2"}),
])  # fmt: skip
def test_assets_by_name_and_sign(tmp_path: Path, where: str, moved: set[str]) -> None:
    spot = resolved(tmp_path, f'{{factor: "spot:*", where: {{{where}}}, relative: 0.5}}')[0].spot
    assert {name for name, code in PLACES.items() if spot[code, 1] != spot[code, 0]} == moved


def test_instruments_take_the_name_of_their_underlying(tmp_path: Path) -> None:
    basis = resolved(tmp_path, '{factor: "basis:*", where: {asset: WTI}, absolute: 0.1}')[0].basis
    assert basis[:, 1].tolist() == [0.1, 0.0]


@pytest.mark.parametrize(("location", "shared"), [
    ("bridge-x", {"bridge-x"}), ('"*bridge*"', {"bridge-x", "old bridge"}), ('"bridge*"', {"bridge-x"}), ('["*(1)", vault]', {"cold (1)", "vault"}),
    ('"*"', set(LOCATIONS)), ('"cold .1."', set()),
])  # fmt: skip
def test_locations_by_pattern(tmp_path: Path, location: str, shared: set[str]) -> None:
    rows = resolved(tmp_path, f'{{factor: "holding:BTC", where: {{location: {location}}}, replace: 0.5}}')[0].holding_rows
    assert {sorted(LOCATIONS)[place] for _, place in rows} == shared


MISSING = '{factor: "spot:BCT", relative: 0.1}, {factor: "spot:*", where: {asset_class: equity}, relative: 0.1}, {factor: "spot:BTC", relative: 0.1}'


def test_what_matches_nothing_is_a_warning_for_one_book_and_told_once_for_any(tmp_path: Path) -> None:
    own = resolved(tmp_path, MISSING)[1]
    assert [notice.kind for notice in own] == ["unknown factor", "no match"]
    [told] = resolved(tmp_path, MISSING, "any_book: true")[1]
    assert (told.kind, told.count, told.message) == ("not in this book", 2, "2 shocks of 1 scenario written for any book match nothing in this one")


@pytest.mark.parametrize("shock", ['{factor: "spot:USD", relative: 0.1}', '{factor: "spot:*", where: {asset: [USD, BTC]}, relative: 0.1}'])
def test_a_shock_on_the_reporting_currency_is_refused_for_one_book_and_left_out_for_any(tmp_path: Path, shock: str) -> None:
    with pytest.raises(StressTestError) as caught:
        resolved(tmp_path, shock)
    assert "shocks USD, the reporting currency" in caught.value.faults[0].what
    values, [notice] = resolved(tmp_path, shock, "any_book: true")
    assert (notice.kind, notice.count) == ("reporting currency", 1)
    assert values.spot[PLACES["USD"], 1] == 1.0
