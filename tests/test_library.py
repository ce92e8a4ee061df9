"""`import stresstest` for programs and notebooks: the public names, the calls, and the code of docs/notebook.md."""

from __future__ import annotations

import ast
import gc
import io
import logging
import re
import runpy
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from runs.plain_book import write_plain_book

import stresstest
from stresstest.config import RunFile
from stresstest.errors import ExitCode, Reason, StressTestError
from stresstest.results.store import files_of
from stresstest.runs.calls import Settings
from stresstest.tables import FOLDER_TABLES

pytestmark = pytest.mark.usefixtures("made_once")

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "notebook.md").read_text(encoding="utf-8")
NAMES = {
    "Charts", "Checked", "Console", "Difference", "Explanation", "Fault", "FinishedRun", "FoundMove", "FrontierReport", "GridReport", "MoveTerms",
    "Plan", "Reason", "Reversed", "Snapshot", "StressTestError", "Verification", "__version__", "breach_grid", "compare", "diff", "frontier",
    "likeliest_move", "open_run", "plan", "read_document", "read_snapshot", "reverse", "run", "validate", "verify", "worst_move",
}  # fmt: skip
"""The contract: names are added, never removed."""


@pytest.fixture(scope="module")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run file of a plain book of three accounts; nothing is written into its folder."""
    return write_plain_book(tmp_path_factory.mktemp("library") / "book", 3)


@pytest.fixture(scope="module")
def snapshot(run_file: Path) -> stresstest.Snapshot:
    return stresstest.read_snapshot(run_file.parent / "snapshot")


@pytest.fixture(scope="module")
def before(run_file: Path) -> stresstest.FinishedRun:
    """A temporary run of the book, every row kept."""
    return stresstest.run(run_file, keep="all")


# ---------------------------------------------------------------- names


def test_the_public_names_are_the_contract():
    assert set(stresstest.__all__) == NAMES
    assert [name for name in NAMES if not hasattr(stresstest, name)] == []
    assert set(dir(stresstest)) >= NAMES
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        _ = stresstest.runn


def test_what_type_checkers_see_is_what_there_is():
    tree = ast.parse(Path(stresstest.__file__).read_text(encoding="utf-8"))
    seen = {node.module: {each.name for each in node.names} for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    homes = {f"stresstest.{home}": set(names) for home, names in stresstest._HOMES.items()}
    assert {module: names for module, names in seen.items() if module.startswith("stresstest.")} == homes
    assert set().union(*homes.values()) | {"__version__"} == NAMES
    assert (ROOT / "stresstest" / "py.typed").is_file()


def test_the_import_is_light():
    code = "import sys, stresstest; dir(stresstest); stresstest.StressTestError; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"polars", "duckdb", "numpy", "pyarrow", "pydantic", "numba", "altair"} & set(loaded) == set()


def test_planning_waits_for_nothing_that_computes():
    # Their import takes as long as reading a small book, and is done while that is read.
    code = "import sys, stresstest; stresstest.plan; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"scipy", "numba", "altair"} & set(loaded) == set()


def test_every_key_of_the_run_file_is_a_keyword():
    of_the_command = {"metrics", "notify"}  # a notebook that tries something alarms nobody
    to_come = {name for name, field in RunFile.model_fields.items() if field.annotation is Any}
    assert set(Settings.__annotations__) == set(RunFile.model_fields) - to_come - of_the_command - {"version", "snapshot", "scenarios", "margin"}


# ---------------------------------------------------------------- where a run goes


def test_a_temporary_run_goes_away_with_its_last_value(run_file: Path):
    run = stresstest.run(run_file)
    folder = run.folder
    assert (folder / "manifest.json").is_file()
    assert run.manifest.reports.keys() == {"summary.json"}
    del run
    gc.collect()
    assert not folder.parent.exists()


def test_a_lazy_frame_outlives_its_temporary_run(run_file: Path):
    assert stresstest.run(run_file).scan("account_summary").select(pl.len()).collect().item() == 3


def test_a_plan_runs_where_it_says_and_a_changed_one_elsewhere(run_file: Path, tmp_path: Path):
    plan = stresstest.plan(run_file, out=tmp_path / "out", output={"formats": ["json"]})
    assert f"writes      {tmp_path / 'out'} (json)" in str(plan)
    assert stresstest.run(plan).folder == tmp_path / "out"
    assert stresstest.run(plan).repeated
    assert stresstest.run(plan, keep="worst").folder != tmp_path / "out"
    assert stresstest.run(plan, out=tmp_path / "other").folder == tmp_path / "other"
    assert "writes      a temporary folder" in str(stresstest.plan(plan, keep="worst"))


def test_a_plan_of_frames_says_so(run_file: Path, snapshot: stresstest.Snapshot):
    content = stresstest.plan(run_file, snapshot=snapshot).document()
    assert (content["snapshot"], content["folder"], content["resumes"]) == ("frames given as values", None, False)
    assert {each["table"]: each["rows"] for each in content["tables"]}["positions"] == 3


def test_a_saved_run_is_the_run(before: stresstest.FinishedRun, tmp_path: Path):
    kept = before.save(tmp_path / "runs" / "kept")
    assert (kept.folder, kept.result_id) == (tmp_path / "runs" / "kept", before.result_id)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["kept"]
    with pytest.raises(StressTestError) as caught:
        before.save(kept.folder)
    assert caught.value.reason is Reason.USAGE
    assert before.save(kept.folder, force=True).result_id == before.result_id


def test_it_is_the_run_of_the_command_line(run_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from stresstest.cli.main import main

    ours = stresstest.run(run_file, out=tmp_path / "ours")
    monkeypatch.setattr("signal.signal", lambda *_: None)  # the handlers of the test run stay
    with pytest.raises(SystemExit, match="0"):
        main(["run", str(run_file), "--out", str(tmp_path / "theirs"), "--quiet"])
    assert stresstest.open_run(tmp_path / "theirs").result_id == ours.result_id
    assert (ours.folder / "inputs" / "run.yaml").read_bytes() == run_file.read_bytes()


# ---------------------------------------------------------------- inputs as values


def test_frames_give_the_tables_that_their_files_give(before: stresstest.FinishedRun, run_file: Path, snapshot: stresstest.Snapshot):
    ours = stresstest.run(run_file, snapshot=dict(snapshot), keep="all", as_of=snapshot.as_of, reporting_currency=snapshot.reporting_currency)
    for name in before.tables:
        assert_frame_equal(ours.table(name), before.table(name))
    assert ours.result_id == stresstest.run(run_file, snapshot=snapshot, keep="all").result_id
    assert ours.manifest.snapshot == "inputs/snapshot"
    assert {each.path for each in ours.manifest.inputs} == {f"inputs/snapshot/{name}.parquet" for name in snapshot}


def test_what_if_an_account_had_more_collateral(before: stresstest.FinishedRun, run_file: Path, snapshot: stresstest.Snapshot):
    """a000002 is long two contracts at 100 dollars with 20: in `crash` (-50 %) equity is -80 and the requirement 5 % of 100, so it is 85 short.

    With 100 dollars more equity is 20, which covers the initial margin of 10.
    """
    more = pl.when(pl.col("account_id") == "a000002").then(pl.col("quantity") + 100.0).otherwise("quantity")
    after = stresstest.run(run_file, snapshot=snapshot.replace(collateral=snapshot["collateral"].with_columns(quantity=more)), keep="all")
    found = stresstest.compare(before, after, "account_scenario", ["margin_shortfall", "status"])
    assert found["account_id"].unique().to_list() == ["a000002"]
    assert found["present"].unique().to_list() == ["both"]
    crash = found.filter(pl.col("scenario_id") == "crash").row(0, named=True)
    assert (crash["margin_shortfall_before"], crash["margin_shortfall_after"], crash["margin_shortfall_change"]) == (85.0, 0.0, -85.0)
    assert (crash["status_before"], crash["status_after"]) == ("default", "ok")


def test_what_if_rules_and_scenarios_were_others(before: stresstest.FinishedRun, run_file: Path):
    """A tenth of every dollar is cut: a000003 has 30 dollars, of which 27 count. `dip10` costs it 30."""
    margin = stresstest.read_document(run_file.parent / "margin.yaml")
    margin["collateral_schedules"]["cash"]["bands"][0]["haircut"] = 0.1
    own = {"name": "own", "scenarios": [{"id": "dip10", "shocks": [{"factor": "spot:BTC", "relative": -0.1}]}]}
    after = stresstest.run(before, margin=margin, scenarios=[run_file.parent / "scenarios.yaml", own])
    assert after.scenarios["scenario_id"].to_list() == ["base", "dip", "crash", "dip10"]
    rows = after.table("account_scenario").filter(pl.col("account_id") == "a000003")
    assert dict(rows.select("scenario_id", "margin_balance").iter_rows())["base"] == pytest.approx(27.0, abs=1e-12)
    assert dict(rows.select("scenario_id", "equity").iter_rows())["dip10"] == pytest.approx(0.0, abs=1e-12)
    assert after.shocks.filter(pl.col("scenario_id") == "dip10")["value"].to_list() == [-0.1]


def test_a_run_needs_no_run_file(before: stresstest.FinishedRun, run_file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(run_file.parent)
    alone = stresstest.run(snapshot="snapshot", scenarios="scenarios.yaml", margin=Path("margin.yaml"), keep="all")
    assert_frame_equal(alone.table("account_scenario"), before.table("account_scenario"))


def test_a_run_of_frames_explains_itself_when_they_are_gone(run_file: Path, snapshot: stresstest.Snapshot, tmp_path: Path):
    folder = stresstest.run(run_file, snapshot=snapshot, out=tmp_path / "out").folder
    gc.collect()
    explained = stresstest.open_run(folder).explain("a000002", "crash")
    assert explained.accounts.select("equity", "margin_shortfall", "status").row(0) == (-80.0, 85.0, "default")
    assert explained.positions["value_change"].to_list() == [-100.0]


def test_changed_again_and_again(run_file: Path, snapshot: stresstest.Snapshot):
    """What was given as values stays for as long as a plan or run made from it needs it."""
    plan = stresstest.plan(stresstest.plan(run_file, snapshot=snapshot), keep="all")
    plan = stresstest.plan(plan, margin=stresstest.read_document(run_file.parent / "margin.yaml"))
    gc.collect()
    run = stresstest.run(stresstest.run(plan), keep="worst")
    gc.collect()
    assert run.settings.keep == "worst"
    assert stresstest.run(plan, snapshot=run_file.parent / "snapshot").manifest.snapshot == str(run_file.parent / "snapshot")


# ---------------------------------------------------------------- refusals


def test_faults_name_what_was_given_as_values(run_file: Path, snapshot: stresstest.Snapshot):
    broken = snapshot.replace(positions=snapshot["positions"].with_columns(instrument_id=pl.lit("ETH-PERP")))
    scenarios = {"scenarios": [{"id": "x", "shocks": [{"factor": "spot:BTC", "relative": "much"}]}]}
    for inputs, where, code in (
        ({"snapshot": broken}, "positions (given as values)", ExitCode.INPUT_REFUSED),
        ({"scenarios": scenarios}, "scenarios-1 (given as values)", ExitCode.CONFIGURATION),
        ({"margin": {"version": 1, "models": {"x": {"kind": "magic"}}}}, "margin (given as values)", ExitCode.CONFIGURATION),
        ({"keep": "some", "threads": 0}, "the call", ExitCode.CONFIGURATION),
    ):
        with pytest.raises(StressTestError) as caught:
            stresstest.run(run_file, **inputs)
        error = caught.value
        assert error.exit_code == code
        assert {fault.file for fault in error.faults} == {where}
        assert "stresstest-" not in f"{error.summary}{[fault.text() for fault in error.faults]}"


def test_a_table_that_was_not_given_as_a_frame_is_asked_for_as_one(run_file: Path, snapshot: stresstest.Snapshot):
    frames = {name: frame for name, frame in snapshot.items() if name != "instruments"}
    given = stresstest.Snapshot(frames, snapshot.as_of, snapshot.reporting_currency)
    with pytest.raises(StressTestError) as caught:
        stresstest.validate(run_file, snapshot=given)
    told = 'instruments (given as values), instruments: the table is missing. Give its frame too: {..., "instruments": frame}.'
    assert [fault.text() for fault in caught.value.faults] == [told]


def test_what_is_not_given_is_missing():
    with pytest.raises(StressTestError) as caught:
        stresstest.run(snapshot="book", output={"formts": ["html"]})
    assert [fault.text() for fault in caught.value.faults] == [
        "the call, scenarios: `scenarios` is missing. Add `scenarios`.",
        "the call, margin: `margin` is missing. Add `margin`.",
        "the call, output.formts: unknown key `formts`. Did you mean `formats`?",
    ]


def test_faults_of_rules_and_snapshot_come_together_from_validate(run_file: Path, snapshot: stresstest.Snapshot):
    broken = snapshot.replace(assets=snapshot["assets"].with_columns(price=0.0))
    with pytest.raises(StressTestError) as caught:
        stresstest.validate(run_file, snapshot=broken, scenarios={"scenarios": [{"id": "A B", "shocks": []}]})
    assert {fault.file for fault in caught.value.faults} == {"assets (given as values)", "scenarios-1 (given as values)"}
    assert stresstest.validate(run_file, snapshot=snapshot).accounts == 3


@pytest.mark.parametrize("margin", [{"a": object()}, {"a": float}])
def test_no_document_is_refused_as_one(run_file: Path, margin: dict[str, object]):
    with pytest.raises(StressTestError, match="no document") as caught:
        stresstest.plan(run_file, margin=margin)
    assert caught.value.reason is Reason.USAGE


def test_asking_for_what_is_not_there_names_what_is(before: stresstest.FinishedRun, tmp_path: Path):
    with pytest.raises(StressTestError, match="no table `acount_summary`") as caught:
        before.table("acount_summary")
    assert "account_summary" in caught.value.hint
    with pytest.raises(StressTestError) as caught:
        before.table("account_summary", ["equity", "equty"])
    assert [fault.what for fault in caught.value.faults] == ["`equty` is no column of the table"]
    with pytest.raises(StressTestError, match="not the folder of a finished run"):
        stresstest.open_run(tmp_path)


def test_runs_in_two_currencies_are_not_compared(before: stresstest.FinishedRun, run_file: Path, snapshot: stresstest.Snapshot):
    named = pl.when(pl.col("asset") == "USD").then(pl.lit("EUR")).otherwise("asset")
    euro = stresstest.Snapshot(
        {
            **snapshot,
            "assets": snapshot["assets"].with_columns(asset=named).sort("asset"),
            "collateral": snapshot["collateral"].with_columns(asset=named),
            "instruments": snapshot["instruments"].with_columns(quote=pl.lit("EUR")),
        },
        snapshot.as_of,
        "EUR",
    )
    with pytest.raises(StressTestError, match="report in USD and EUR"):
        stresstest.compare(before, stresstest.run(run_file, snapshot=euro))


# ---------------------------------------------------------------- a finished run


def test_every_table_is_there_eager_and_lazy(before: stresstest.FinishedRun, run_file: Path, tmp_path: Path):
    kept = before.save(tmp_path / "kept")
    assert kept.tables == tuple(each.name for each in FOLDER_TABLES if files_of(kept.folder, each.name))
    for name in kept.tables:
        assert_frame_equal(kept.scan(name).collect(), before.table(name))
    assert before.table("account_summary", ["account_id", "equity"]).columns == ["account_id", "equity"]
    assert before.scenarios["headline"].to_list() == [False, True, True]


def test_it_shows_itself(before: stresstest.FinishedRun):
    assert repr(before).startswith(f"<FinishedRun {before.result_id[:12]} RED: ")
    assert "<strong>RED</strong>" in before._repr_html_()
    assert "3 accounts" in before._repr_html_()


def test_names_from_data_are_text_where_it_shows_itself(run_file: Path, snapshot: stresstest.Snapshot):
    scenarios = {"scenarios": [{"id": "x", "name": "<script>alert(1)</script>", "shocks": [{"factor": "spot:BTC", "relative": -0.5}]}]}
    shown = stresstest.run(run_file, scenarios=scenarios)._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_charts_say_unit_and_moment(before: stresstest.FinishedRun):
    charts = before.charts
    drawn = {name: getattr(charts, name) for name in ("cover", "requirement", "shortfall", "loss", "status", "heat_map", "collateral", "segments")}
    for name, chart in (drawn | {"waterfall": charts.waterfall("a000003")}).items():
        lines = chart.to_dict()["title"]["subtitle"]
        assert lines[0].startswith(f"In {'accounts' if name == 'status' else 'percent' if name == 'heat_map' else 'USD'}")
        assert lines[-1] == "As of 2026-11-19 16:00 UTC"
    with pytest.raises(StressTestError, match="no waterfall of the account 'nobody'"):
        charts.waterfall("nobody")
    with pytest.raises(StressTestError, match="it knows of no earlier one"):
        _ = charts.trend


@pytest.mark.usefixtures("drawn_here")
def test_reports_are_made_when_they_are_asked_for(before: stresstest.FinishedRun, tmp_path: Path):
    made = before.report(["html"], out=tmp_path)
    assert made.reports == (tmp_path / "report.html",)
    assert made.lacking is None


def test_what_there_is_to_say_is_logged(before: stresstest.FinishedRun, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, "stresstest"):
        before.explain("a000001")
    levels = {record.getMessage().split(maxsplit=1)[0]: record.levelname for record in caplog.records}
    assert levels == {"scenario": "WARNING", "snapshot": "INFO", "derivation": "INFO"}


# ---------------------------------------------------------------- the page

PIECE = re.compile(r"^```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```\n)?", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.usefixtures("drawn_here")
def test_the_code_of_the_page_runs_and_prints_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    with pl.Config(tbl_width_chars=150):  # whatever the page sets beside it ends with it
        for number, piece in enumerate(PIECE.finditer(PAGE), start=1):
            with redirect_stdout(io.StringIO()) as told:
                exec(compile(piece["code"], f"docs/notebook.md, block {number}", "exec"), names)
            if piece["output"] is not None:
                assert told.getvalue().rstrip("\n") == piece["output"].rstrip("\n")


def test_the_reference_of_the_page_is_current():
    assert runpy.run_path(str(ROOT / "docs" / "make_reference.py"))["current"](PAGE) == PAGE, "run docs/make_reference.py"
