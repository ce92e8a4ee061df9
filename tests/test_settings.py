"""Every scalar key of the run file at all four levels: flag, environment, file, default; `--set` between flag and environment."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer

from stresstest.cli.main import app
from stresstest.config import ENVIRONMENT_PREFIX, RunFile, load_run, overrides_from, scalar_keys
from stresstest.config.cascade import Cascade
from stresstest.config.impact import LinearImpact, NoImpact, TableImpact
from stresstest.config.limits import Limit
from stresstest.errors import StressTestError

NEEDED = {"snapshot": "data", "scenarios": "[s.yaml]", "margin": "m.yaml"}
HERE = Path("/srv/here")
LINEAR = LinearImpact(kind="linear")
MOMENT = "2026-01-0{}T00:00:00Z"


def day(number: int) -> datetime:
    return datetime(2026, 1, number, tzinfo=UTC)


def failed_checks(red: float) -> tuple[Limit, ...]:
    return (Limit(name="l", built_in="failed_checks", red=float(red)),)


# Key: default, then text and value in the file, in the environment, in --set, as a flag. `F` stands for the folder of the run file.
LEVELS: dict[str, tuple[Any, ...]] = {
    "name": (None, ("one", "one"), ("2", "2"), ('"3"', "3"), ("4", "4")),
    "book": (None, ("one", "one"), ("2", "2"), ('"3"', "3"), ("4", "4")),
    "history": (None, ("one", "F/one"), ("two", "/srv/here/two"), ("null", None), ("/four", "/four")),
    "against": (None, ("one", "F/one"), ("previous", "previous"), ("null", None), ("/four", "/four")),
    "snapshot": ("F/data", ("one", "F/one"), ("two", "/srv/here/two"), ("s3://b/three", "s3://b/three"), ("/four", "/four")),
    "as_of": (None, *((MOMENT.format(n), day(n)) for n in (1, 2, 3, 4))),
    "reporting_currency": (None, ("USD", "USD"), ("EUR", "EUR"), ("1INCH", "1INCH"), ("10", "10")),
    "scenarios": (
        ("F/s.yaml",), ("[a, b]", ("F/a", "F/b")), ("c, d", ("/srv/here/c", "/srv/here/d")), ("[e]", ("/srv/here/e",)),
        ("library:crisis", ("library:crisis",)),
    ),
    "margin": ("F/m.yaml", ("one", "F/one"), ("two", "/srv/here/two"), ("three", "/srv/here/three"), ("../four", "/srv/here/../four")),
    "margin_model": (None, ("one", "one"), ("2", "2"), ('"3"', "3"), ("4", "4")),
    "limits": ((), *((f"[{{name: l, built_in: failed_checks, red: {n}}}]", failed_checks(n)) for n in (1, 2, 3, 4))),
    "compare.models": ((), ("[a]", ("a",)), ("b,c", ("b", "c")), ("[d, e]", ("d", "e")), ("f", ("f",))),
    "compare.isolated": (False, ("true", True), ("false", False), ("true", True), ("false", False)),
    "statistics.volume_share": (0.2, ("0.1", 0.1), ("0.3", 0.3), ("0.4", 0.4), ("1", 1.0)),
    "statistics.top": (10, ("1", 1), ("2", 2), ("3", 3), ("4", 4)),
    "keep": ("breaches", ("all", "all"), ("worst", "worst"), ("breaches", "breaches"), ("all", "all")),
    "headline": (None, ("[a]", ("a",)), ("b,c", ("b", "c")), ("[d, e]", ("d", "e")), ("f", ("f",))),
    "on_missing": ("refuse", ("exclude", "exclude"), ("refuse", "refuse"), ("exclude", "exclude"), ("refuse", "refuse")),
    "max_excluded.accounts": (0.01, ("0.1", 0.1), ("0.2", 0.2), ("3e-1", 0.3), ("1", 1.0)),
    "max_excluded.gross_notional": (0.005, ("0.1", 0.1), ("0.2", 0.2), ("0.3", 0.3), ("0.4", 0.4)),
    "max_price_age": (None, ("60", 60.0), ("2m", 120.0), ("1.5h", 5400.0), ("1d", 86400.0)),
    "reconciliation_tolerance.relative": (1e-4, ("0.1", 0.1), ("0.2", 0.2), ("0.3", 0.3), ("0.4", 0.4)),
    "reconciliation_tolerance.absolute": (1.0, ("10", 10.0), ("20", 20.0), ("1_000", 1000.0), ("40", 40.0)),
    "resources.insurance_fund": (0.0, ("1", 1.0), ("2", 2.0), ("1_000_000", 1e6), ("4e6", 4e6)),
    "resources.skin_in_the_game": (0.0, ("1", 1.0), ("2", 2.0), ("3", 3.0), ("4", 4.0)),
    "resources.default_fund": (None, ("1", 1.0), ("2", 2.0), ("null", None), ("4", 4.0)),
    "funding": (None, ("true", True), ("false", False), ("null", None), ("false", False)),
    "attribution.accounts": (1_000, ("10", 10), ("0", 0), ("5_000", 5_000), ("1", 1)),
    "reverse.distance.factors": ((), ("[spot:a]", ("spot:a",)), ("vol:b,vol:c", ("vol:b", "vol:c")), ("spot:*", ("spot:*",)), ("vol:d", ("vol:d",))),
    "reverse.distance.along": ((), ("[a]", ("a",)), ("b,c", ("b", "c")), ("[d, e]", ("d", "e")), ("f", ("f",))),
    "reverse.distance.targets": (
        ("liquidation", "default"), ("[default]", ("default",)), ("liquidation", ("liquidation",)), ("default", ("default",)),
        ("default, liquidation", ("default", "liquidation")),
    ),
    "reverse.distance.most.down": (-1.0, ("-0.5", -0.5), ("-2", -2.0), ("-0.1", -0.1), ("-1", -1.0)),
    "reverse.distance.most.up": (10.0, ("1", 1.0), ("2", 2.0), ("3.5", 3.5), ("100", 100.0)),
    "cascade.impact": (
        (LINEAR,), ("{kind: none}", (NoImpact(kind="none"),)), ("{kind: linear}", (LINEAR,)),
        ("{kind: depth_table, table: x.csv}", (TableImpact(kind="depth_table", table="/srv/here/x.csv"),)),
        ({"kind": "none"}, (NoImpact(kind="none"),)),
    ),
    "cascade.policy": ("full", ("pro_rata", "pro_rata"), ("full", "full"), ("pro_rata", "pro_rata"), ("full", "full")),
    "cascade.sequence": (
        "simultaneous", ("one_at_a_time", "one_at_a_time"), ("simultaneous", "simultaneous"), ("one_at_a_time", "one_at_a_time"),
        ("simultaneous", "simultaneous"),
    ),
    "cascade.collateral_order": (
        ("settle", "haircut", "liquidity"), ("[haircut]", ("haircut",)), ("liquidity, settle", ("liquidity", "settle")), ("settle", ("settle",)),
        ("haircut", ("haircut",)),
    ),
    "cascade.close_factor": (1.0, ("0.5", 0.5), ("0.4", 0.4), ("0.3", 0.3), ("0.2", 0.2)),
    "cascade.fees.liquidation": (0.0, ("0.5", 0.5), ("0.4", 0.4), ("0.3", 0.3), ("0.2", 0.2)),
    "cascade.fees.insurance_share": (0.0, ("0.5", 0.5), ("0.4", 0.4), ("0.3", 0.3), ("0.2", 0.2)),
    "cascade.fees.option_spread": (0.0, ("0.5", 0.5), ("0.4", 0.4), ("0.3", 0.3), ("0.2", 0.2)),
    "cascade.fees.collateral_bonus": (0.0, ("0.5", 0.5), ("0.4", 0.4), ("0.3", 0.3), ("0.2", 0.2)),
    "cascade.max_rounds": (50, ("1", 1), ("2", 2), ("3", 3), ("4", 4)),
    "cascade.halt_rounds": (0, ("1", 1), ("2", 2), ("3", 3), ("4", 4)),
    "cascade.detail": (5, ("all", "all"), ("[a, b]", ("a", "b")), ("3", 3), ("c", ("c",))),
    "cascade.isolated": (True, ("false", False), ("true", True), ("false", False), ("true", True)),
    "cascade.depth_multiples": ((0.5, 2.0), ("[]", ()), ("0.5, 3", (0.5, 3.0)), ("[2]", (2.0,)), ("4", (4.0,))),
    "waterfall": (
        None, ("[insurance_fund]", ("insurance_fund",)), ("default_fund, adl_queue", ("default_fund", "adl_queue")), ("null", None),
        ("[pro_rata]", ("pro_rata",)),
    ),
    "executor": ("threads", ("processes", "processes"), ("threads", "threads"), ("processes", "processes"), ("threads", "threads")),
    "threads": (None, ("1", 1), ("2", 2), ("null", None), ("4", 4)),
    "max_memory": (None, ("500MB", 500_000_000), ("2GB", 2_000_000_000), ("1GiB", 2**30), ("4000", 4000)),
    "seed": (0, ("1", 1), ("2", 2), ("3", 3), ("4", 4)),
    "output.folder": ("F/runs", ("one", "F/one"), ("two", "/srv/here/two"), ("three", "/srv/here/three"), ("/four", "/four")),
    "output.formats": (("html", "pdf", "json"), ("[json]", ("json",)), ("html, json", ("html", "json")), ("[pdf]", ("pdf",)), ("html", ("html",))),
    "metrics": (None, ("one.prom", "F/one.prom"), ("two.prom", "/srv/here/two.prom"), ("null", None), ("/four.prom", "/four.prom")),
    "notify.on": (("failure", "red"), ("[amber]", ("amber",)), ("red, amber", ("red", "amber")), ("[red]", ("red",)), ("failure", ("failure",))),
}  # fmt: skip
TO_COME = {"report"}
WITH_OTHERS = {"cascade.target_ratio"}
"""Keys that mean nothing without another."""
UNSTATED: dict[str, Any] = {"cascade": Cascade()}
"""What sections that a run may be without are, once a key of theirs is stated."""


def test_every_key_is_here():
    assert set(scalar_keys(RunFile)) == LEVELS.keys() | TO_COME | WITH_OTHERS | {"version", "notify.urls"}


def value_of(run: RunFile, key: str) -> Any:
    found: Any = run
    for part in key.split("."):
        below = getattr(found, part)
        found = UNSTATED.get(part) if below is None else below
    return found


def written(key: str, text: str | None) -> str:
    """A run file with what every run file needs, and one key more."""
    lines = {name: f"{name}: {value}" for name, value in NEEDED.items()}
    if text is not None:
        section, *below = key.split(".")
        for part in reversed(below):
            text = f"{{{part}: {text}}}"
        lines[section] = f"{section}: {text}"
    return "\n".join(lines.values()) + "\n"


@pytest.mark.parametrize("key", LEVELS)
def test_flag_then_set_then_environment_then_file_then_default(tmp_path: Path, key: str):
    default, in_file, in_environment, in_set, flag = LEVELS[key]
    variable = {ENVIRONMENT_PREFIX + key.upper().replace(".", "_"): in_environment[0]}

    def found(text: str | None, environment: dict[str, str], sets: list[str], flags: dict[str, Any]) -> Any:
        (tmp_path / "run.yaml").write_text(written(key, text))
        return value_of(load_run(tmp_path / "run.yaml", overrides_from(environment, flags, sets, HERE)), key)

    def expected(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(expected, value))
        return f"{tmp_path}{value[1:]}" if isinstance(value, str) and value.startswith("F/") else value

    assert found(None, {}, [], {key: None}) == expected(default)
    assert found(in_file[0], {}, [], {}) == expected(in_file[1])
    assert found(in_file[0], variable, [], {}) == in_environment[1]
    assert found(in_file[0], variable, [f"{key}={in_set[0]}"], {}) == in_set[1]
    assert found(in_file[0], variable, [f"{key}={in_set[0]}"], {key: flag[0]}) == flag[1]
    assert found(None, variable, [], {}) == in_environment[1]
    assert found(None, {}, [], {key: flag[0]}) == flag[1]


@pytest.mark.parametrize("key", sorted({key.partition(".")[0] for key in LEVELS} - {"max_excluded", "reconciliation_tolerance", "resources"}))
def test_every_scalar_key_of_the_top_has_a_flag_of_run(key: str):
    command: Any = typer.main.get_command(app)
    flags = {name for parameter in command.commands["run"].params for name in parameter.opts}
    by_set = ("headline", "limits", "compare", "statistics", "attribution", "reverse", "notify", "cascade", "waterfall")
    assert {"output": "--formats", **dict.fromkeys(by_set, "--set")}.get(key, f"--{key.replace('_', '-')}") in flags


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        (["name"], ["name: `--set name` has no value. Write --set key=value, for example --set output.folder=runs."]),
        (["=3"], ["`--set =3` names no key. Write --set key=value, for example --set output.folder=runs."]),
        (["max_excluded..accounts=1"], ["max_excluded..accounts: `--set max_excluded..accounts=1` names no key."]),
        (["outptu.folder=x"], ["--set outptu.folder, outptu: unknown key `outptu`. Did you mean `output`?"]),
        (["output.foldr=x"], ["--set output.foldr: unknown key `foldr`. Did you mean `folder`?"]),
        (["output=x"], ["--set output: must be a mapping of keys to values, not 'x'"]),
        (["output=x", "output.folder=y"], ["--set output: must be a mapping of keys to values, not 'x'"]),
        (["scenarios.0=b.yaml"], ["--set scenarios.0: `scenarios` has no keys of its own. Give it whole"]),
        (["keep.x=1", "seed=x"], ["--set keep.x: `keep` has no keys of its own.", "--set seed: must be a whole number, not 'x'"]),
        (["report.pages=3"], ["--set report.pages, report: `report`: not in this version."]),
        (["cascade.rounds=3"], ["--set cascade.rounds: unknown key `rounds`. Did you mean `max_rounds`?"]),
        (["output.formats=[html"], ["--set output.formats:1: not valid YAML"]),
        (["name='x"], ["--set name:1: not valid YAML"]),
    ],
    ids=str,
)
def test_what_cannot_be_set_is_told_with_where_and_how(tmp_path: Path, sets: list[str], told: list[str]):
    (tmp_path / "run.yaml").write_text(written("", None))
    with pytest.raises(StressTestError) as caught:
        load_run(tmp_path / "run.yaml", overrides_from({}, {}, sets))
    texts = [fault.text() for fault in caught.value.faults]
    assert len(texts) == len(told)
    assert all(text.startswith(words) for text, words in zip(texts, told, strict=True)), texts


def test_a_section_may_be_given_whole_and_its_keys_on_top(tmp_path: Path):
    (tmp_path / "run.yaml").write_text(written("output.folder", "one"))
    sets = ["output.formats=json", "output={folder: results}", "resources={insurance_fund: 5}", "reconciliation_tolerance=0.5", "name='a: \"b\"'"]
    run = load_run(tmp_path / "run.yaml", overrides_from({}, {}, sets, HERE))
    assert (run.output.folder, run.output.formats, run.resources.insurance_fund) == ("/srv/here/results", ("json",), 5.0)
    assert (run.reconciliation_tolerance.relative, run.name) == (0.5, 'a: "b"')


def test_of_several_sets_of_one_key_the_last_wins(tmp_path: Path):
    (tmp_path / "run.yaml").write_text(written("", None))
    assert load_run(tmp_path / "run.yaml", overrides_from({}, {}, ["keep=all", "keep=worst"])).keep == "worst"


def test_a_variable_of_a_section_names_those_of_its_keys():
    with pytest.raises(StressTestError) as caught:
        overrides_from({"STRESSTEST_RESOURCES": "{insurance_fund: 5}"}, {})
    assert "STRESSTEST_RESOURCES_INSURANCE_FUND" in caught.value.faults[0].hint
