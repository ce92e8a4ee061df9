"""Factor values of generated books and scenarios against the reference calculation, which shares no code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from generated.books import AS_OF, make_book
from oracle.reading import Snapshot, snapshot_of
from oracle.shocks import BASE, State, holding_share, margin_rate
from oracle.shocks import resolve as reference
from oracle.valuation import base_forward
from ruamel.yaml import YAML
from scenarios.builders import ASSET_COLUMNS, INSTRUMENT_COLUMNS

from stresstest.scenarios.files import load_scenarios
from stresstest.scenarios.names import MarginNames
from stresstest.scenarios.resolve import resolve
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions

LOCATIONS = ("bridge-x", "chain-y", "custodian-a")


def _dimensions(snapshot: Snapshot) -> Dimensions:
    names = sorted(snapshot.assets)
    codes = {name: code for code, name in enumerate(names)}
    instruments = []
    for name in sorted(snapshot.instruments):
        row = snapshot.instruments[name]
        instruments.append({**row, **{f"{role}_code": codes[row[role]] for role in ("underlying", "quote", "settle")}})
    empty = pl.DataFrame()
    return Dimensions(
        as_of=snapshot.as_of,
        reporting_currency=snapshot.reporting,
        assets=pl.DataFrame([{key: snapshot.assets[name].get(key) for key in ASSET_COLUMNS} for name in names], schema=ASSET_COLUMNS),
        instruments=pl.DataFrame([{key: row.get(key) for key in INSTRUMENT_COLUMNS} for row in instruments], schema=INSTRUMENT_COLUMNS),
        owners=empty,
        accounts=empty,
        pools=empty,
        locations=pl.DataFrame({"location": LOCATIONS}),
    )


@pytest.mark.parametrize("seeds", [range(start, start + 10) for start in range(0, 60, 10)], ids=str)
def test_factor_values_agree_with_the_reference(tmp_path: Path, seeds: range) -> None:
    for seed in seeds:
        made = make_book(tmp_path, seed)
        with (tmp_path / "scenarios.yaml").open("w") as file:
            YAML(typ="safe", pure=True).dump({"version": 1, "scenarios": made.scenarios}, file)
        snapshot = snapshot_of(made.tables, AS_OF, made.reporting)
        dimensions = _dimensions(snapshot)
        schedules, models = tuple(made.margin.get("margin_schedules", {})), tuple(made.margin.get("models", {}))
        models = tuple(dict.fromkeys(("default", *models)))
        resolved, _ = resolve(load_scenarios([tmp_path / "scenarios.yaml"]), dimensions, MarginNames(schedules, models))
        at_base = reference(snapshot, BASE, {})
        forwards = {name: base_forward(snapshot, row, at_base) for name, row in snapshot.instruments.items() if row["kind"] == "option"}
        for number, scenario in enumerate((BASE, *made.scenarios)):
            expected = _expected(snapshot, reference(snapshot, scenario, forwards), dimensions, schedules, models)
            for what, found in _found(resolved, number, dimensions, (*schedules, *models)).items():
                np.testing.assert_allclose(found, expected[what], rtol=1e-12, atol=1e-15, err_msg=f"seed {seed}, {scenario['id']}, {what}")


def _found(resolved: Resolved, number: int, dimensions: Dimensions, names: tuple[str, ...]) -> dict[str, Any]:
    one = np.ones(resolved.scenarios)
    pairs = [(code, place) for code in range(dimensions.assets.height) for place in range(-1, len(LOCATIONS))]
    return {
        "spot": resolved.spot[:, number],
        "value": resolved.value[:, number],
        "rate": resolved.rate[:, number],
        "basis": resolved.basis[:, number],
        "ratio": resolved.collateral_ratio[:, number],
        "haircut": np.stack([resolved.haircut_scale[:, number], resolved.haircut_shift[:, number]], axis=1),
        "vol": np.stack([resolved.vol_scale[:, number], resolved.vol_shift[:, number]], axis=1),
        "elapsed": resolved.elapsed_years[number],
        "holding": [resolved.holding_rows.get(pair, one)[number] for pair in pairs],
        "margin rate": [resolved.margin_rate.get(name, one)[number] for name in names],
    }


def _expected(snapshot: Snapshot, state: State, dimensions: Dimensions, schedules: tuple[str, ...], models: tuple[str, ...]) -> dict[str, Any]:
    assets, instruments = dimensions.assets["asset"].to_list(), dimensions.instruments["instrument_id"].to_list()
    return {
        "spot": [state.spot[each] for each in assets],
        "value": [state.value[each] for each in assets],
        "rate": [state.rate[each] for each in assets],
        "basis": [state.basis[each] for each in instruments],
        "ratio": [state.collateral_ratio[each] for each in assets],
        "haircut": [state.haircut[each] for each in assets],
        "vol": np.array([state.vol[each] for each in instruments if each in state.vol]).reshape(-1, 2),
        "elapsed": state.elapsed_years,
        "holding": [holding_share(snapshot, state, asset, location) for asset in assets for location in (None, *LOCATIONS)],
        "margin rate": [margin_rate(state, each, starred=each in schedules) for each in (*schedules, *models)],
    }
