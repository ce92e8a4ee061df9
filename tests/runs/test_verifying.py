from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from runs.plain_book import write_plain_book

import stresstest
from stresstest.errors import ExitCode, StressTestError
from stresstest.results.identity import Identity, recomputed_id
from stresstest.results.store import read_table, write_table
from stresstest.tables import table as table_of

pytestmark = pytest.mark.usefixtures("read_here")


@pytest.fixture(scope="module")
def made(run_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the plain book."""
    return stresstest.run(run_file, out=tmp_path_factory.mktemp("made") / "out").folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of that run."""
    return Path(shutil.copytree(made, tmp_path / "run"))


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def rewrite(folder: Path, name: str, change: Any) -> None:
    """Change a document of a run as text, and nothing else."""
    content = json.loads((folder / name).read_text())
    change(content)
    (folder / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def forge(folder: Path, name: str, column: str, row: int, value: object) -> None:
    """Change a figure, and every hash that would tell: only computing it again can find out."""
    table = table_of(name)
    frame = read_table(folder, name)
    values = frame[column].to_list()
    values[row] = value
    write_table(frame.with_columns(pl.Series(column, values, frame[column].dtype)), table, folder / f"{name}.parquet", ["base", "dip", "crash"])
    digest = sha256(folder / f"{name}.parquet")
    rewrite(folder, "result.json", lambda content: content["tables"].update({name: digest}))
    stated = Identity.model_validate_json((folder / "result.json").read_bytes())
    rewrite(folder, "result.json", lambda content: content.update(result_id=recomputed_id(stated)))
    rewrite(folder, "summary.json", lambda content: content.update(result_id=recomputed_id(stated)))
    reports = {"summary.json": sha256(folder / "summary.json")}
    rewrite(folder, "manifest.json", lambda content: content.update(result_id=recomputed_id(stated), reports=reports))


def test_a_run_comes_out_again_bit_for_bit_and_nothing_is_left_or_changed(folder: Path):
    before = {file: sha256(file) for file in folder.rglob("*") if file.is_file()}
    found = stresstest.verify(folder)
    assert (found.verified, found.relative, found.conditions, found.question) == (True, None, (), ())
    assert {each.outcome for each in found.tables} == {"same"}
    stated = json.loads((folder / "result.json").read_text())
    assert {each.table for each in found.tables} == {*stated["tables"], "summary.json"}
    assert found.inputs == stated["inputs"]
    assert {file: sha256(file) for file in folder.rglob("*") if file.is_file()} == before
    assert sorted(path.name for path in folder.parent.iterdir()) == ["run"]


def test_a_figure_that_was_forged_with_all_its_hashes_is_found(folder: Path):
    forge(folder, "account_summary", "worst_headline_margin_shortfall", 1, 12.25)
    found = stresstest.verify(folder)
    assert not found.verified
    (wrong,) = (each for each in found.tables if each.outcome != "same")
    assert (wrong.table, wrong.different_rows, wrong.different_values) == ("account_summary", 1, 1)
    assert wrong.first is not None
    # Account 2 is long 2 contracts at 100 with 20 dollars: after -50 % a loss of 100 leaves -80, and 5 % of 100 are needed.
    assert wrong.first.model_dump() == {
        "key": {"owner_id": "a000002", "account_id": "a000002"}, "present": "both",
        "column": "worst_headline_margin_shortfall", "run": 12.25, "again": 85.0,
    }  # fmt: skip
    text = str(found)
    assert text.startswith("NOT VERIFIED  account_summary came out differently; computed again in ")
    assert "first: owner_id a000002, account_id a000002: worst_headline_margin_shortfall is 12.25 in the run, 85.0 computed again" in text
    # Of long values that begin alike the part is shown in which they differ.
    long = wrong.first.model_copy(
        update={"run": "SELECT account_id, equity " + "x" * 50 + " > 0", "again": "SELECT account_id, equity " + "x" * 50 + " > 7"}
    )
    told = str(found.model_copy(update={"tables": (wrong.model_copy(update={"first": long}),)}))
    assert "is …xxxxxxxxxxxx > 0 in the run, …xxxxxxxxxxxx > 7 computed again" in told


def test_a_table_that_only_a_report_needs_is_compared_too(folder: Path):
    forge(folder, "collateral_summary", "value", 0, 1.0)
    found = stresstest.verify(folder)
    assert [each.table for each in found.tables if each.outcome == "different"] == ["collateral_summary"]
    assert not found.verified


def test_a_forged_summary_is_found(folder: Path):
    rewrite(folder, "summary.json", lambda content: content["worst"].update(margin_shortfall=1.5))
    rewrite(folder, "manifest.json", lambda content: content.update(reports={"summary.json": sha256(folder / "summary.json")}))
    found = stresstest.verify(folder)
    (wrong,) = (each for each in found.tables if each.outcome != "same")
    assert not found.verified
    assert wrong.first is not None
    # In the crash accounts 1, 2 and 3 lose 50 each a contract, of 10 in cash, and need 2.5: short by 42.5 times 1 + 2 + 3.
    assert wrong.first.model_dump() == {
        "key": {"part": "worst"}, "present": "both", "column": "margin_shortfall", "run": 1.5, "again": 255.0,
    }  # fmt: skip


def test_on_another_machine_rounding_is_accepted_and_said(folder: Path):
    def another(content: dict[str, Any]) -> None:
        content["machine"]["cpu_features"] = [*content["machine"]["cpu_features"][1:], "quantum"]
        content["versions"]["numpy"] = "2.0.0"

    # Relative to the account's gross notional of 200, the largest amount in its row.
    forge(folder, "account_summary", "worst_headline_margin_shortfall", 1, 85.0 + 200.0 * 2.1e-13)
    rewrite(folder, "manifest.json", another)
    found = stresstest.verify(folder)
    assert (found.verified, found.relative) == (True, 1e-12)
    assert {each.what for each in found.conditions} == {"CPU features that only one has", "numpy"}
    features = next(each for each in found.conditions if each.what.startswith("CPU"))
    assert features.then == "quantum"
    assert str(found).startswith("VERIFIED  every table is the same to 1e-12 relative")
    assert "account_summary: the same but for rounding; largest difference of a figure 2.1e-13 relative" in str(found)
    forge(folder, "account_summary", "worst_headline_margin_shortfall", 1, 85.0 * (1 + 1e-9))
    assert not stresstest.verify(folder).verified


def test_other_code_is_said_before_anything_is_computed_and_its_tables_are_compared(folder: Path, caplog: pytest.LogCaptureFixture):
    rewrite(folder, "result.json", lambda content: content.update(code="0" * 64, code_version="0.0.9"))
    stated = Identity.model_validate_json((folder / "result.json").read_bytes())
    for name in ("result.json", "manifest.json"):
        rewrite(folder, name, lambda content: content.update(result_id=recomputed_id(stated)))
    found = stresstest.verify(folder)
    assert caplog.messages[0].startswith("the run is of other code: 0.0.9 (000000000000), this is ")
    assert (found.verified, found.other_code, found.relative) == (True, True, None)
    assert "code      another: the run is of 0.0.9" in str(found)


def test_a_snapshot_that_changed_is_refused_with_the_tables_that_did(run_file: Path, folder: Path, tmp_path: Path):
    other = Path(shutil.copytree(run_file.parent / "snapshot", tmp_path / "corrected"))
    pl.read_parquet(other / "positions.parquet").with_columns(quantity=pl.col("quantity") * 2).write_parquet(other / "positions.parquet")
    (other / "accounts.parquet").unlink()
    with pytest.raises(StressTestError) as refused:
        stresstest.verify(folder, snapshot=other)
    assert refused.value.exit_code == ExitCode.INPUT_REFUSED
    assert [(fault.table, fault.what) for fault in refused.value.faults] == [
        ("accounts", "the table is not there"), ("positions", "the table is not the one that the run read"),
    ]  # fmt: skip


def test_a_snapshot_that_was_moved_is_named(tmp_path: Path):
    run_file = write_plain_book(tmp_path / "book", 2)
    run = stresstest.run(run_file, out=tmp_path / "out")
    (tmp_path / "book" / "snapshot").rename(tmp_path / "archive")
    with pytest.raises(StressTestError, match="the snapshot cannot be read"):
        stresstest.verify(run)
    assert stresstest.verify(run, snapshot=tmp_path / "archive", threads=1).verified


def test_a_folder_that_was_changed_is_refused(folder: Path):
    (folder / "inputs" / "margin.yaml").write_text("version: 1\n")
    with pytest.raises(StressTestError, match="the result folder is not as its run left it") as refused:
        stresstest.verify(folder)
    assert refused.value.exit_code == ExitCode.INPUT_REFUSED


def test_a_run_of_frames_is_verified_from_its_own_copies(run_file: Path):
    frames = stresstest.read_snapshot(run_file.parent / "snapshot")
    run = stresstest.run(run_file, snapshot=frames, as_of="2026-11-19T16:00:00Z", reporting_currency="USD")
    assert stresstest.verify(run).verified


def test_what_is_called_after_its_file_is_called_so_again(run_file: Path, tmp_path: Path):
    """Scenarios without a name, and order books, whose file is the source of a parameter."""
    scenarios = tmp_path / "my own.yaml"
    scenarios.write_text('version: 1\nscenarios: [{id: dip, source: made up, shocks: [{factor: "spot:BTC", relative: -0.05}]}]\n')
    books = tmp_path / "order books.csv"
    books.write_text("asset,side,price,quantity\nBTC,bid,99,50\nBTC,ask,101,50\n")
    impact = [{"kind": "depth_table", "assets": ["BTC"], "table": str(books)}, {"kind": "none"}]
    run = stresstest.run(run_file, scenarios=[str(scenarios)], cascade={"impact": impact})
    assert run.summary.run.scenario_set == "my own"
    assert read_table(run.folder, "cascade_parameters")["source"][0] == "depth table order books.csv"
    assert stresstest.verify(run).verified


def test_a_run_notes_the_one_before_it_and_the_chain_is_followed(tmp_path: Path):
    run_file = write_plain_book(tmp_path / "book", 2)
    (tmp_path / "book" / "snapshot" / "snapshot.json").unlink()
    settings: dict[str, Any] = {"history": tmp_path / "history", "book": "plain", "reporting_currency": "USD"}
    days = [stresstest.run(run_file, out=tmp_path / day, as_of=f"2026-11-{day}T16:00:00Z", **settings) for day in ("18", "19")]
    noted = days[1].manifest.previous
    assert noted is not None
    assert (noted.result_id, noted.as_of, noted.folder) == (days[0].result_id, "2026-11-18T16:00:00+00:00", "../18")
    assert days[0].manifest.previous is None
    found = stresstest.verify(days[1], chain=True)
    assert found.chain is not None
    assert (found.verified, [each.state for each in found.chain]) == (True, ["intact"])
    assert found.not_compared == ("trend",)
    assert "chain     1 earlier run with the manifest that the next one noted" in str(found)
    rewrite(days[0].folder, "manifest.json", lambda content: content.update(command=["somebody else"]))
    broken = stresstest.verify(days[1], chain=True)
    assert str(broken).startswith("NOT VERIFIED  every table comes out again, but the chain of manifests is broken")
    assert "broken at 2026-11-18 16:00 UTC" in str(broken)
