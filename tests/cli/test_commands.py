from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from stresstest.cli.schema import PRINTED
from stresstest.errors import ExitCode
from stresstest.tables import EXPORT_TABLES, FOLDER_TABLES, HISTORY_TABLES, INPUT_TABLES

pytestmark = pytest.mark.usefixtures("made_once")

DOCUMENTS = ("run", "scenarios", "margin", "summary", "result", "manifest")


# ---------------------------------------------------------------- validate


def test_a_good_run_is_valid(stresstest, run_file: Path, tmp_path: Path):
    done = stresstest("validate", run_file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("valid: as of 2026-11-19T16:00:00+00:00, 3 accounts with 3 positions, 2 scenarios and base\n")
    assert json.loads(stresstest("validate", run_file, "--json").stdout)["valid"] is True
    assert list(tmp_path.iterdir()) == []


def test_every_fault_of_every_file_is_told_at_once(stresstest, run_file: Path, tmp_path: Path):
    shutil.copytree(run_file.parent, tmp_path / "book")
    (tmp_path / "book" / "snapshot" / "collateral.parquet").write_bytes(b"not parquet at all")
    (tmp_path / "book" / "scenarios.yaml").write_text("version: 1\nscenarios: [{id: crash, shocks: [{factor: 'spot:BTC'}]}]\n")
    done = stresstest("validate", "book/run.yaml")
    assert done.returncode == ExitCode.CONFIGURATION
    assert "scenarios.yaml:2" in done.stderr
    assert "collateral.parquet" in done.stderr
    content = json.loads(stresstest("validate", "book/run.yaml", "--json").stdout)
    assert (content["valid"], content["exit_code"]) == (False, ExitCode.CONFIGURATION)
    assert len(content["faults"]) >= 2


# ---------------------------------------------------------------- explain


def test_explain_shows_the_steps_to_the_figures(stresstest, finished: Path):
    done = stresstest("explain", finished, "--account", "a000002", "--scenario", "crash")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(text in done.stdout for text in ("DEFAULT", "BTC-PERP", "100.00", "-80.00"))


def test_explain_as_json_has_the_runs_own_figures(stresstest, finished: Path):
    content = json.loads(stresstest("explain", finished, "--account", "a000002", "--scenario", "crash", "--json").stdout)
    assert content["schema_version"] == 1
    assert (content["account"]["equity"], content["account"]["maintenance_margin"], content["account"]["status"]) == (-80.0, 5.0, "default")


def test_explain_without_a_scenario_takes_the_worst_headline_scenario_and_says_so(stresstest, finished: Path):
    done = stresstest("explain", finished, "--account", "a000002", "--json")
    content = json.loads(done.stdout)
    assert (content["scenario_id"], content["scenario_choice"]) == ("crash", "worst headline")
    assert done.stderr == "scenario crash: the worst headline scenario of the account (--scenario explains another)\n"
    assert stresstest("explain", finished, "--account", "a000002", "-q").stderr == ""


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--account", "nobody"], "no account `nobody`"),
        (["--account", "nobody", "--scenario", "crash"], "no account `nobody`"),
        (["--account", "a000001", "--scenario", "crush"], "crash"),
    ],
)
def test_explain_of_what_is_not_there_is_usage(stresstest, finished: Path, flags: list[str], words: str):
    done = stresstest("explain", finished, *flags)
    assert done.returncode == ExitCode.CONFIGURATION
    assert words in done.stderr


# ---------------------------------------------------------------- scenarios


def test_scenarios_are_listed_in_order(stresstest, run_file: Path):
    file = run_file.parent / "scenarios.yaml"
    lines = stresstest("scenarios", "list", file).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["id", "base", "dip", "crash"]
    content = json.loads(stresstest("scenarios", "list", file, "--json").stdout)
    assert [each["id"] for each in content["scenarios"]] == ["base", "dip", "crash"]


def test_a_scenario_is_shown_with_its_shocks_and_source(stresstest, run_file: Path):
    file = run_file.parent / "scenarios.yaml"
    text = stresstest("scenarios", "show", file, "--id", "crash").stdout
    assert text.splitlines() == [
        "crash: Half gone",
        "historical, headline, horizon 1 day",
        "source: made up",
        "  spot:BTC                relative -0.5",
    ]
    content = json.loads(stresstest("scenarios", "show", file, "--id", "crash", "--json").stdout)
    assert content["scenarios"][0]["shocks"] == [{"factor": "spot:BTC", "relative": -0.5}]


def test_an_unknown_scenario_names_the_nearest(stresstest, run_file: Path):
    done = stresstest("scenarios", "show", run_file.parent / "scenarios.yaml", "--id", "crush")
    assert done.returncode == ExitCode.CONFIGURATION
    assert "crash" in done.stderr


# ---------------------------------------------------------------- margins


def test_presets_are_listed(stresstest):
    lines = stresstest("margins", "list").stdout.splitlines()
    assert lines[0].split() == ["preset", "kind", "as", "of", "title"]
    assert any(line.split()[:4] == ["tims", "portfolio", "2010-12-02", "US"] for line in lines)


def test_models_and_schedules_of_a_margin_file_are_listed(stresstest, tmp_path: Path):
    file = tmp_path / "margin.yaml"
    file.write_text("name: ours\nsource: rulebook\nmodels: {pm: {preset: hyperliquid}}\n", encoding="utf-8")
    content = json.loads(stresstest("margins", "list", file, "--json").stdout)
    assert [(each["name"], each["kind"], each["preset"]) for each in content["models"]] == [
        ("default", "tiered", None),
        ("pm", "tiered", "hyperliquid"),
    ]
    assert content["models"][0]["source"] == "rulebook"
    rules = {each["name"]: each["rules"] for each in content["schedules"]}
    assert rules["hyperliquid/tiered_40x"] == "from 0: 1.25 % / 2.5 %; from 150,000,000: 2.5 % / 5 %"
    assert rules["hyperliquid/none"] == "haircut 100 % / 100 %"
    words = stresstest("margins", "show", "pm", file).stdout
    assert "kind tiered, preset hyperliquid" in words
    assert "kind future | perpetual, asset BTC" in words or "asset BTC, kind future | perpetual" in words
    assert "As a margin file" not in words


def test_a_preset_is_shown_in_words_and_as_the_file_that_it_is(stresstest, tmp_path: Path):
    text = stresstest("margins", "show", "paradex", "--yaml").stdout
    (tmp_path / "margin.yaml").write_text(text, encoding="utf-8")
    words = stresstest("margins", "show", "paradex").stdout
    assert words.endswith(text)
    assert "  17    -66 %  +40 %    0.24\n" in words
    assert "  net delta     all    delta, net by risk_group  1 % / 2 %    least of a risk group\n" in words
    shown = json.loads(stresstest("margins", "show", "paradex", tmp_path / "margin.yaml", "--json").stdout)
    preset = json.loads(stresstest("margins", "show", "paradex", "--json").stdout)
    assert (shown["model"], shown["source"], shown["yaml"]) == (preset["model"], preset["source"], None)


def test_an_unknown_preset_names_the_nearest(stresstest):
    done = stresstest("margins", "show", "deribt")
    assert done.returncode == ExitCode.CONFIGURATION
    assert "Did you mean `deribit`?" in done.stderr
    assert stresstest("margins", "show", "tims", "--yaml", "--json").returncode == ExitCode.CONFIGURATION


# ---------------------------------------------------------------- schema


def test_the_schema_of_the_margin_file_has_models_of_every_kind(stresstest):
    lines = [line.strip() for line in stresstest("schema", "margin").stdout.splitlines()]
    assert [line for line in lines if line.startswith("either")] == ["either 1:", "either 2:", "either 3:", "either 4:"]
    for key in ("net_by", "grid", "naked_shorts", "preset"):
        assert any(line.startswith(f"{key}: ") for line in lines), key


def test_schema_lists_everything_that_has_one(stresstest):
    content = json.loads(stresstest("schema", "--json").stdout)
    names = {each["name"] for each in content["schemas"]}
    assert names == {table.name for table in (*INPUT_TABLES, *FOLDER_TABLES, *HISTORY_TABLES, *EXPORT_TABLES)} | {*DOCUMENTS, *PRINTED, "exit-codes"}


@pytest.mark.parametrize("table", ["positions", "scenario_summary"])
def test_schema_of_a_table_names_every_column(stresstest, table: str):
    from stresstest.tables import table as table_of

    text = stresstest("schema", table).stdout
    content = json.loads(stresstest("schema", table, "--json").stdout)
    assert [column["name"] for column in content["columns"]] == list(table_of(table).names)
    assert all(name in text for name in table_of(table).names)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_schema_of_a_document_is_json_schema(stresstest, name: str):
    content = json.loads(stresstest("schema", name, "--json").stdout)
    assert content["schema"]["type"] == "object"
    text = stresstest("schema", name).stdout
    assert all(f"{key}: " in text for key in content["schema"]["properties"])


def test_schema_of_a_file_says_defaults_and_what_is_to_come(stresstest):
    text = stresstest("schema", "run").stdout
    assert "max_excluded: object (default {accounts: 0.01, gross_notional: 0.005})" in text
    assert "      depth: number | name -> number | null (default null)\n" in text
    assert text.count("kind: square_root (required)") == 1  # alone or in a list, it is the same
    assert "\nreport: not in this version\n" in text


def test_schema_of_exit_codes(stresstest):
    assert [line.split()[0] for line in stresstest("schema", "exit-codes").stdout.splitlines()] == ["0", "1", "2", "3", "4", "5", "75", "130"]


# ---------------------------------------------------------------- doctor


def test_doctor_finds_this_installation_sound(stresstest):
    done = stresstest("doctor", "--json")
    content = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert {check["name"] for check in content["checks"]} >= {"Python", "packages", "PDF (Pango)", "templates", "memory", "temporary space"}
    assert "Python" in stresstest("doctor").stdout
