"""Shocks that do nothing, on books of a few assets: who comes first is worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scenarios.builders import book, in_days

from stresstest.scenarios.effects import Base, shock_findings, unmatched_shocks
from stresstest.scenarios.files import load_scenarios
from stresstest.scenarios.findings import Finding
from stresstest.scenarios.names import MarginNames
from stresstest.snapshot.book import Dimensions

ASSETS = {
    "BTC": {"price": 100.0, "asset_class": "crypto", "tags": ["major"], "depth": 1e6},
    "ETH": {"price": 10.0, "asset_class": "crypto", "tags": ["major"]},
    "USDC": {"price": 1.0, "asset_class": "crypto", "tags": ["stablecoin"]},
    "WTI": {"price": 0.0, "asset_class": "commodity", "may_be_negative": True},
    "BOND": {"price": 98.0, "asset_class": "rates", "rate": 0.04, "duration": 2.0},
}
INSTRUMENTS = {
    "BTC-C": {"kind": "option", "underlying": "BTC", "strike": 100.0, "option_type": "call", "expiry": in_days(30)},
    "BTC-PERP": {"kind": "perpetual", "underlying": "BTC"},
    "ETH-C": {"kind": "option", "underlying": "ETH", "strike": 10.0, "option_type": "call", "expiry": in_days(30)},
}
BOOK = book(ASSETS, INSTRUMENTS, ("bridge-x", "custodian"))
NAMES = MarginNames(("majors",), ("default",), ("pm",))
# Assets in order: BOND, BTC, ETH, USD, USDC, WTI. Only BTC has bands (10 % and 50 %) and USDC (none of it cut).
HAIRCUTS = Base(
    np.array([np.nan, 0.1, np.nan, np.nan, 0.0, np.nan]), np.array([np.nan, 0.5, np.nan, np.nan, 0.0, np.nan]), np.array([1, 0, 1, 1, 0, 1], bool)
)
VOLS = Base.of(np.array([0.6, 0.0]))  # of BTC-C and ETH-C


def found(tmp_path: Path, *scenarios: str, of: Dimensions = BOOK, head: str = "version: 1") -> list[Finding]:
    text = "".join(f"  - {{id: s{number}, shocks: [{shocks}]}}\n" for number, shocks in enumerate(scenarios, start=1))
    (tmp_path / "set.yaml").write_text(f"{head}\nscenarios:\n{text}")
    return list(shock_findings(load_scenarios([tmp_path / "set.yaml"]), of, NAMES, {"haircut": HAIRCUTS, "vol": VOLS}))


def told(findings: list[Finding]) -> list[tuple[str, int, int | None]]:
    return [(each.kind, each.scenario, each.shock) for each in findings]


@pytest.mark.parametrize("shocks", [
    "{factor: 'spot:BTC', relative: -0.3}, {factor: 'spot:*', relative: -0.4}",  # special before general
    "{factor: 'spot:BTC', relative: -0.3}, {factor: 'spot:BTC', absolute: 5}",  # another shift type composes
    "{factor: 'spot:BTC', relative: 0}, {factor: 'spot:*', relative: -0.4}",  # keeps the general one away
    "{factor: 'spot:USDC', replace: 1}, {factor: 'spot:*', where: {asset_class: crypto}, replace: 0.9}",  # keeps the general one away
    "{factor: 'spot:BTC', replace: 100}, {factor: 'spot:*', relative: -0.4}",  # undoes the general one
    "{factor: 'spot:BOND', replace: 98}, {factor: 'rate:BOND', absolute: 0.01}",  # undoes what its rate does
    "{factor: 'spot:WTI', absolute: -5}, {factor: 'spot:WTI', scale: 2}",  # zero at base, and not when it is scaled
    "{factor: 'vol:*', relative: 0.5}",  # BTC-C moves
    "{factor: 'vol:ETH', absolute: 0.1}",
    "{factor: 'haircut:*', scale: 2}",
    "{factor: 'haircut:BTC', replace: 0.5}",  # one band is there already, the other is not
    "{factor: 'holding:*', where: {location: bridge-x}, replace: 0}",
    "{factor: 'margin_rate:*', scale: 1.5}, {factor: 'margin_rate:default', scale: 1.1}",
    "{factor: 'depth:ETH', replace: 5}",
])  # fmt: skip
def test_shocks_that_do_something_are_not_told(tmp_path: Path, shocks: str):
    assert found(tmp_path, shocks) == []


@pytest.mark.parametrize(("shocks", "shock", "words"), [
    ("{factor: 'spot:*', relative: -0.4}, {factor: 'spot:BTC', relative: -0.3}", 1,
     "never counts: the only asset it matches is taken by relative shock 1 before it"),
    ("{factor: 'spot:BTC', relative: -0.4}, {factor: 'spot:ETH', relative: -0.3}, {factor: 'spot:*', where: {tags: major}, relative: -0.2}", 2,
     "never counts: all 2 assets it matches are taken by relative shocks 1, 2 before it"),
    ("{factor: 'vol:*', relative: 0.4}, {factor: 'vol:*', where: {option_type: call}, relative: 0.1}", 1,
     "never counts: all 2 options it matches are taken by relative shock 1 before it"),
    ("{factor: 'holding:*', replace: 0.9}, {factor: 'holding:BTC', where: {location: bridge-x}, replace: 0}", 1,
     "never counts: the only asset and location it matches is taken by replace shock 1 before it"),
])  # fmt: skip
def test_a_shock_whose_matches_are_all_taken_is_shadowed(tmp_path: Path, shocks: str, shock: int, words: str):
    (finding,) = found(tmp_path, "{factor: 'rate:USD', absolute: 0.01}", shocks)
    assert (finding.kind, finding.severity, finding.scenario, finding.shock, finding.message) == ("shadowed", "warning", 2, shock, words)


@pytest.mark.parametrize(("shock", "words"), [
    ("{factor: 'spot:BTC', relative: 0}", "relative 0 leaves all that it takes as it is"),
    ("{factor: 'rate:USD', absolute: 0}", "absolute 0 leaves all that it takes as it is"),
    ("{factor: 'spot:*', scale: 1}", "scale 1 leaves all that it takes as it is"),
    ("{factor: 'spot:BTC', replace: 100}", "replace 100 leaves all that it takes as it is"),
    ("{factor: 'collateral:*', replace: 1}", "replace 1 leaves all that it takes as it is"),
    ("{factor: 'spot:WTI', relative: -0.5}", "relative -0.5 leaves all that it takes as it is"),  # its price is zero
    ("{factor: 'vol:ETH', relative: 0.5}", "relative 0.5 leaves all that it takes as it is"),  # so is its vol
    ("{factor: 'haircut:ETH', absolute: 0.1}", "absolute 0.1 leaves all that it takes as it is"),  # it is no collateral
    ("{factor: 'haircut:USDC', scale: 3}", "scale 3 leaves all that it takes as it is"),
    ("{factor: 'depth:ETH', scale: 0.5}", "scale 0.5 leaves all that it takes as it is"),  # it has none
])  # fmt: skip
def test_a_shift_that_changes_nothing_is_told(tmp_path: Path, shock: str, words: str):
    (finding,) = found(tmp_path, shock)
    assert (finding.kind, finding.message, finding.factor) == ("no effect", words, shock.split("'")[1])


def test_grids_and_ladders_may_go_through_zero(tmp_path: Path):
    """A shift of nothing in their cells is meant; a size that does nothing because the price is zero is not."""
    ladder = "{kind: ladder, id: steps, factor: '%s', relative: {from: -0.5, to: 0.5, steps: 3}}"
    (tmp_path / "set.yaml").write_text(f"version: 1\ngenerators: [{ladder % 'spot:BTC'}]\n")
    (tmp_path / "oil.yaml").write_text(f"version: 1\ngenerators: [{ladder.replace('steps,', 'oil,') % 'spot:WTI'}]\n")
    both = load_scenarios([tmp_path / "set.yaml", tmp_path / "oil.yaml"])
    findings = list(shock_findings(both, BOOK, NAMES, {"haircut": HAIRCUTS, "vol": VOLS}))
    assert [(each.severity, both.ids[each.scenario]) for each in findings] == [
        ("info", "steps.spot_btc_0"), ("warning", "oil.spot_wti_-0.5"), ("info", "oil.spot_wti_0"), ("warning", "oil.spot_wti_0.5"),
    ]  # fmt: skip


def test_replace_has_the_last_word(tmp_path: Path):
    (finding,) = found(tmp_path, "{factor: 'spot:BTC', relative: -0.3}, {factor: 'spot:BTC', replace: 50}")
    assert (finding.kind, finding.shock) == ("no effect", 0)
    assert finding.message == "a `replace` (or `scale: 0`) of the scenario has the last word on all that it moves"
    assert found(tmp_path, "{factor: 'spot:*', relative: -0.3}, {factor: 'spot:BTC', replace: 50}") == []
    assert told(found(tmp_path, "{factor: 'margin_rate:*', relative: 0.5}, {factor: 'margin_rate:*', scale: 0}")) == [("no effect", 1, 0)]


def test_matching_nothing_says_what_was_meant(tmp_path: Path):
    findings = found(tmp_path, "{factor: 'spot:BTCC', relative: 0.1}", "{factor: 'spot:*', where: {asset_class: fx}, relative: 0.1}")
    assert told(findings) == [("unknown factor", 1, 0), ("no match", 2, 0)]
    assert findings[0].message == "spot:BTCC matches nothing: there is no asset `BTCC`. Did you mean `BTC`?"


def test_the_shocks_that_match_nothing_by_scenario_and_place(tmp_path: Path):
    found(
        tmp_path,
        "{factor: 'spot:BTC', relative: 0.1}, {factor: 'spot:BTCC', relative: 0.1}, {factor: 'vol:WTI', relative: 0.1}",
        "{factor: 'spot:*', relative: 0}",  # changes nothing, and matches
        "{factor: 'holding:*', where: {location: nowhere}, replace: 0}",
    )
    scenarios = load_scenarios([tmp_path / "set.yaml"])
    assert unmatched_shocks(scenarios, BOOK, NAMES).rows() == [("s1", 1), ("s1", 2), ("s3", 0)]


def test_a_book_without_options_or_instruments(tmp_path: Path):
    findings = found(tmp_path, "{factor: 'vol:*', relative: 0.1}, {factor: 'spot:*', relative: 0.1}", of=book({"BTC": {}}))
    assert told(findings) == [("no match", 1, 0)]


@pytest.mark.parametrize(("head", "message"), [
    ("version: 1", "spot:BTCC matches nothing: there is no asset `BTCC`. Did you mean `BTC`?"),
    ("version: 1\nany_book: true", "spot:BTCC matches nothing: there is no asset `BTCC`"),
])  # fmt: skip
def test_a_name_is_guessed_at_but_not_for_scenarios_that_are_written_for_any_book(tmp_path: Path, head: str, message: str):
    findings = found(tmp_path, "{factor: 'spot:BTCC', relative: -0.1}, {factor: 'spot:ETH', relative: -0.1}", head=head)
    assert [each.message for each in findings] == [message]
