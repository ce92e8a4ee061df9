"""What lint says of scenarios without a book."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stresstest.scenarios.files import load_scenarios
from stresstest.scenarios.findings import Finding
from stresstest.scenarios.plain_checks import LONGEST_ID, LONGEST_NAME, names_and_sources, neutral_shocks, repeated_shocks, same_shocks
from stresstest.scenarios.scenario_set import ScenarioSet

Check = Callable[[ScenarioSet], Iterator[Finding]]


def found(tmp_path: Path, check: Check, *scenarios: str, any_book: bool = False) -> list[tuple[str, str, int, int | None]]:
    text = "".join(f"  - {{{scenario}}}\n" for scenario in scenarios)
    (tmp_path / "set.yaml").write_text(f"version: 1\nany_book: {str(any_book).lower()}\nscenarios:\n{text}")
    return [(each.kind, each.severity, each.scenario, each.shock) for each in check(load_scenarios([tmp_path / "set.yaml"]))]


BTC = "{factor: 'spot:BTC', relative: -0.3}"
COINS = "{factor: 'spot:*', where: {asset_class: crypto}, relative: -0.3}"


def test_long_ids_and_names_and_missing_sources(tmp_path: Path):
    long_id, long_name = "a" * (LONGEST_ID + 1), "b" * (LONGEST_NAME + 1)
    assert found(
        tmp_path,
        names_and_sources,
        f"id: {long_id}, shocks: [{BTC}]",
        f"id: b, name: {long_name}, shocks: [{BTC}]",
        f"id: c, family: historical, shocks: [{BTC}]",
        f"id: d, family: historical, source: closes, shocks: [{BTC}]",
        f"id: {'e' * LONGEST_ID}, shocks: [{BTC}]",
    ) == [("long id", "info", 1, None), ("long name", "info", 2, None), ("no source", "info", 3, None)]


@pytest.mark.parametrize(("shocks", "places"), [
    (f"{BTC}, {BTC}", [1]),
    (f"{COINS}, {BTC}, {COINS}, {COINS}", [2, 3]),
    (f"{BTC}, {{factor: 'spot:BTC', absolute: 5}}", []),  # composes
    (f"{COINS}, {{factor: 'spot:*', relative: -0.1}}", []),  # another filter
])  # fmt: skip
def test_a_repeated_shock_never_counts(tmp_path: Path, shocks: str, places: list[int]):
    assert found(tmp_path, repeated_shocks, f"id: a, shocks: [{BTC}]", f"id: b, shocks: [{shocks}]") == [
        ("shadowed", "warning", 2, place) for place in places
    ]


@pytest.mark.parametrize(("shocks", "places"), [
    ("{factor: 'spot:BTC', relative: 0}", [0]),
    ("{factor: 'rate:USD', absolute: 0}, {factor: 'margin_rate:*', scale: 1}", [0, 1]),
    (f"{{factor: 'spot:BTC', relative: 0}}, {COINS}", []),  # keeps the general one away
    (f"{COINS}, {{factor: 'spot:BTC', relative: 0}}", [1]),
    ("{factor: 'spot:BTC', replace: 0}", []),
])  # fmt: skip
def test_a_neutral_shift_is_told_unless_it_keeps_another_away(tmp_path: Path, shocks: str, places: list[int]):
    assert found(tmp_path, neutral_shocks, f"id: a, shocks: [{shocks}]") == [("no effect", "warning", 1, place) for place in places]


def test_a_neutral_shift_in_a_cell_of_a_grid_is_no_warning(tmp_path: Path):
    (tmp_path / "set.yaml").write_text("version: 1\ngenerators: [{kind: ladder, id: steps, factor: 'spot:BTC', relative: [-0.1, 0, 0.1]}]\n")
    (finding,) = neutral_shocks(load_scenarios([tmp_path / "set.yaml"]))
    assert (finding.severity, finding.scenario, finding.message) == ("info", 2, "relative 0 changes nothing")


def test_scenarios_with_the_same_shocks_are_duplicates(tmp_path: Path):
    assert found(
        tmp_path,
        same_shocks,
        f"id: a, shocks: [{BTC}, {COINS}]",
        f"id: b, shocks: [{COINS}, {BTC}]",  # another order may be another scenario
        f"id: c, shocks: [{BTC}, {COINS}]",
        f"id: d, decay: true, shocks: [{BTC}, {COINS}]",  # time passes
        f"id: e, headline: false, shocks: [{BTC}, {COINS}]",
        "id: f, shocks: []",
        "id: g, headline: false, shocks: []",
        "id: h, decay: true, horizon_days: 7, shocks: []",
    ) == [
        ("duplicate", "warning", 3, None),
        ("duplicate", "info", 5, None),
        ("changes nothing", "warning", 6, None),
        ("changes nothing", "info", 7, None),
    ]


def test_in_scenarios_for_any_book_that_is_no_warning(tmp_path: Path):
    assert found(tmp_path, same_shocks, f"id: a, shocks: [{BTC}]", f"id: b, shocks: [{BTC}]", "id: c, shocks: []", any_book=True) == [
        ("duplicate", "info", 2, None),
        ("changes nothing", "info", 3, None),
    ]
