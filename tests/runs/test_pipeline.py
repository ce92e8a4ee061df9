from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from generated.books import BookSpec
from runs.plain_book import write_plain_book

from stresstest.config import load_run
from stresstest.errors import ExitCode, Reason, StressTestError
from stresstest.executors import Executor, Kind, make_executor
from stresstest.report import pdf
from stresstest.results.documents import read_document
from stresstest.results.identity import Identity, recomputed_id
from stresstest.results.manifest import Manifest
from stresstest.results.store import files_of, read_table, sha256_of, table_sha256
from stresstest.results.summary import Summary
from stresstest.runs import pipeline, repeated
from stresstest.runs.console import Advance, Silent
from stresstest.runs.folders import locked_work_folder, work_path
from stresstest.runs.pipeline import Outcome, execute
from stresstest.runs.planning import plan
from stresstest.tables import RUN_TABLES

pytestmark = pytest.mark.usefixtures("read_here", "drawn_here")


def run(book: BookSpec, out: Path, *, force: bool = False, console: Silent | None = None, **overrides: Any) -> Outcome:
    return execute(plan(load_run(book.run_file, overrides), out), console, force=force, command=("stresstest", "run", "run.yaml"))


def hashes(folder: Path) -> dict[str, str]:
    return {table.name: table_sha256(folder, table.name) for table in RUN_TABLES}


def manifest(folder: Path) -> Manifest:
    return read_document(Manifest, folder / "manifest.json")


def rows_of_file(file: Path) -> int:
    return int(pq.read_metadata(file).num_rows)


@pytest.fixture(scope="module")
def finished(book: BookSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(book, tmp_path_factory.mktemp("finished") / "out").folder


def test_a_run_leaves_the_result_folder_and_nothing_else(finished: Path):
    assert [path.name for path in finished.parent.iterdir()] == ["out"]
    expected = {"summary.json", "result.json", "manifest.json", "inputs", *(f"{table.name}.parquet" for table in RUN_TABLES)}
    assert {path.name for path in finished.iterdir()} == expected


def test_what_worker_processes_are_handed_lies_in_the_work_folder(book: BookSpec, out: Path, monkeypatch: pytest.MonkeyPatch):
    """A run that is killed leaves its work folder, which the next one removes, and nothing in the place for temporary files."""
    folders = []

    def made(kind: Kind, workers: int, folder: Path | None = None) -> Executor:
        folders.append(folder)
        return make_executor(kind, workers, folder)

    monkeypatch.setattr(pipeline, "make_executor", made)
    plain = plan(load_run(book.run_file), out)
    execute(plain)
    assert folders == [work_path(out, plain.hash)]


def test_every_table_has_its_columns(finished: Path):
    for table in RUN_TABLES:
        assert tuple(read_table(finished, table.name).columns) == table.names


def test_the_manifest_has_what_the_folder_has(finished: Path):
    stated = manifest(finished)
    assert {name: record.sha256 for name, record in stated.tables.items()} == hashes(finished)
    assert stated.reports == {"summary.json": sha256_of(finished / "summary.json")}
    assert {each.table for each in stated.inputs} == {"accounts", "assets", "collateral", "instruments", "positions"}
    assert [stage.name for stage in stated.stages] == ["snapshot", "scenarios", "valuation", "stress", "breakdown", "funding", "results", "manifest"]
    assert stated.command == ("stresstest", "run", "run.yaml")


def test_the_identity_can_be_computed_again(finished: Path):
    stated = read_document(Identity, finished / "result.json")
    assert recomputed_id(stated) == stated.result_id == manifest(finished).result_id
    text = (finished / "result.json").read_text()
    assert "/" not in json.loads(text)["specification"]["scenarios"]
    assert str(finished.parent) not in text


def test_inputs_are_a_run_file_that_gives_the_same_result(finished: Path, out: Path):
    again = execute(plan(load_run(finished / "inputs" / "run.json"), out)).folder
    assert read_document(Identity, again / "result.json") == read_document(Identity, finished / "result.json")


@pytest.mark.parametrize("overrides", [{"threads": 1}, {"threads": 7}, {"executor": "processes", "threads": 2}], ids=str)
def test_tables_are_the_same_bytes_whoever_computes_them(book: BookSpec, finished: Path, out: Path, overrides: dict[str, Any]):
    folder = run(book, out, **overrides).folder
    assert hashes(folder) == hashes(finished)
    assert manifest(folder).result_id == manifest(finished).result_id


def test_what_is_kept_is_part_of_the_question(book: BookSpec, finished: Path, out: Path):
    folder = run(book, out, keep="worst").folder
    assert manifest(folder).result_id != manifest(finished).result_id
    assert hashes(folder)["account_summary"] == hashes(finished)["account_summary"]
    assert read_table(folder, "account_scenario").height < read_table(finished, "account_scenario").height


def test_html_is_written_when_asked_for(book: BookSpec, out: Path):
    folder = run(book, out, **{"output.formats": ["html"]}).folder
    assert manifest(folder).result_id[:12] in (folder / "report.html").read_text()
    assert set(manifest(folder).reports) == {"report.html", "summary.json"}


def test_a_machine_without_pango_keeps_the_html_and_says_so(book: BookSpec, out: Path, monkeypatch: pytest.MonkeyPatch):
    def no_pango(html: str, target: Path, **options: object) -> Path:
        raise StressTestError(Reason.ENVIRONMENT, "Pango is missing")

    monkeypatch.setattr(pdf, "render_pdf", no_pango)
    outcome = run(book, out, **{"output.formats": ["pdf"]})
    assert outcome.lacking is not None
    assert outcome.lacking.exit_code == ExitCode.ENVIRONMENT
    assert (outcome.folder / "report.html").is_file()
    assert (outcome.folder / "manifest.json").is_file()


# ---------------------------------------------------------------- interruption


class Interrupting(Silent):
    """Presses Ctrl-C at the end of a stage, or after its first unit."""

    def __init__(self, at: str, inside: bool = False) -> None:
        self.at = at
        self.inside = inside

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Advance]:
        def advance(units: int) -> None:
            if name == self.at and self.inside:
                raise KeyboardInterrupt

        yield advance
        if name == self.at and not self.inside:
            raise KeyboardInterrupt


@pytest.mark.parametrize("at", ["snapshot", "stress", "results"])
def test_an_interrupted_run_leaves_only_its_work_and_is_taken_up_again(book: BookSpec, finished: Path, out: Path, at: str):
    with pytest.raises(KeyboardInterrupt):
        run(book, out, console=Interrupting(at))
    (work,) = out.parent.iterdir()
    assert work.name.startswith(".out.work-")
    staged = (work / "book" / "book.json").stat().st_mtime_ns
    with pytest.raises(KeyboardInterrupt):
        run(book, out, console=Interrupting("scenarios"))
    assert (work / "book" / "book.json").stat().st_mtime_ns == staged
    folder = run(book, out).folder
    assert manifest(folder).reused_blocks == (0 if at == "snapshot" else 1)
    assert hashes(folder) == hashes(finished)
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_a_run_of_several_blocks_resumes_between_them(tmp_path: Path):
    # 9,000 accounts of one pool each: blocks of 4,096, 4,096 and 808.
    settings = load_run(write_plain_book(tmp_path / "plain", 9_000), {"threads": 1})
    whole = execute(plan(settings, tmp_path / "whole" / "out")).folder
    with pytest.raises(KeyboardInterrupt):
        execute(plan(settings, tmp_path / "cut" / "out"), Interrupting("stress", inside=True))
    resumed = execute(plan(settings, tmp_path / "cut" / "out")).folder
    assert 1 <= manifest(resumed).reused_blocks < 3
    assert hashes(resumed) == hashes(whole)
    assert [rows_of_file(file) for file in files_of(whole, "account_summary")] == [4_096, 4_096, 808]


def test_figures_of_a_book_small_enough_to_check_by_hand(tmp_path: Path):
    folder = execute(plan(load_run(write_plain_book(tmp_path / "plain", 2)), tmp_path / "out")).folder
    rows = read_table(folder, "account_scenario").select("account_id", "scenario_id", "equity", "maintenance_margin", "status").rows()
    # Account k at a price p: equity 10k - (100 - p)k, maintenance margin 5 % of pk, initial margin twice that.
    assert rows == [
        ("a000001", "base", 10.0, 5.0, "ok"),
        ("a000001", "dip", 5.0, 4.75, "call"),
        ("a000001", "crash", -40.0, 2.5, "default"),
        ("a000002", "base", 20.0, 10.0, "ok"),
        ("a000002", "dip", 10.0, 9.5, "call"),
        ("a000002", "crash", -80.0, 5.0, "default"),
    ]
    summary = read_document(Summary, folder / "summary.json")
    assert summary.status.light == "red"
    assert summary.base.accounts == {"ok": 2, "call": 0, "liquidation": 0, "default": 0}
    assert summary.worst is not None
    assert (summary.worst.scenario_id, summary.worst.margin_shortfall, summary.worst.owners_in_default) == ("crash", 127.5, 2)
    # Loss of the position less initial margin at base: 50k - 10k.
    assert summary.cover["stress_loss_over_margin"].cover_2.amount == 120.0
    assert summary.cover["uncollateralised_loss"].cover_1.owners == ("a000002",)


def test_other_data_under_the_same_name_is_not_taken_for_the_interrupted(book: BookSpec, tmp_path: Path):
    shutil.copytree(book.folder, tmp_path / "book")
    moved = BookSpec(tmp_path / "book", book.seed, book.reporting, book.tables, book.margin, book.scenarios)
    with pytest.raises(KeyboardInterrupt):
        run(moved, tmp_path / "out", console=Interrupting("stress"))
    collateral = moved.snapshot / "collateral.parquet"
    pl.read_parquet(collateral).with_columns(pl.col("quantity") * 2).write_parquet(collateral)
    folder = run(moved, tmp_path / "out").folder
    assert manifest(folder).reused_blocks == 0
    fresh = run(moved, tmp_path / "fresh").folder
    assert hashes(folder) == hashes(fresh)


def test_another_moment_of_the_same_files_is_not_taken_for_the_interrupted(tmp_path: Path):
    settings = load_run(write_plain_book(tmp_path / "plain", 2))
    with pytest.raises(KeyboardInterrupt):
        execute(plan(settings, tmp_path / "out"), Interrupting("stress"))
    described = tmp_path / "plain" / "snapshot" / "snapshot.json"
    described.write_text(described.read_text().replace("2026-11-19", "2026-11-18"))
    outcome = execute(plan(settings, tmp_path / "out"))
    assert outcome.summary.run.as_of == "2026-11-18T16:00:00+00:00"
    assert manifest(outcome.folder).reused_blocks == 0


# ---------------------------------------------------------------- refusals


def test_excluded_accounts_are_listed_and_their_owners_counted(tmp_path: Path):
    """Of three accounts one is left out, the only one of its owner; its contribution to the default fund stays paid."""
    run_file = write_plain_book(tmp_path, 3)
    snapshot = tmp_path / "snapshot"
    positions = pl.read_parquet(snapshot / "positions.parquet")
    positions.with_columns(instrument_id=pl.Series(["BTC-PERP", "NEW", "BTC-PERP"])).write_parquet(snapshot / "positions.parquet")
    pl.DataFrame({"owner_id": ["a000001", "a000002"], "default_fund_contribution": [1.0, 2.0]}).write_parquet(snapshot / "owners.parquet")
    overrides = {"on_missing": "exclude", "max_excluded": {"accounts": 0.5, "gross_notional": 0.5}}
    results = [execute(plan(load_run(run_file, overrides), tmp_path / "out"))]
    shutil.copytree(snapshot, tmp_path / "moved")
    results.append(execute(plan(load_run(run_file, overrides | {"snapshot": str(tmp_path / "moved")}), tmp_path / "again")))
    assert results[0].summary.result_id == results[1].summary.result_id
    excluded = read_table(results[0].folder, "excluded")
    assert excluded.rows() == [("a000002", "a000002", "positions.instrument_id: an instrument that the instruments table does not have")]
    assert "excluded" in read_document(Identity, results[0].folder / "result.json").tables
    summary = results[0].summary
    assert (summary.counts.excluded_accounts, summary.counts.incomplete_owners, summary.counts.owners) == (1, 1, 2)
    assert summary.cover["uncollateralised_loss"].cover_1.lower_bound
    assert summary.status.light != "green"
    assert summary.resources is not None
    assert summary.resources.default_fund == 3.0
    checks = read_table(results[0].folder, "data_quality").filter(pl.col("check") == "excluded accounts")
    assert checks["subject"].to_list() == ["snapshot"]


def test_a_refused_snapshot_leaves_nothing(book: BookSpec, tmp_path: Path):
    shutil.copytree(book.folder, tmp_path / "book")
    (tmp_path / "book" / "snapshot" / "positions.parquet").write_bytes(b"PAR1 not really")
    moved = BookSpec(tmp_path / "book", book.seed, book.reporting, book.tables, book.margin, book.scenarios)
    with pytest.raises(StressTestError) as caught:
        run(moved, tmp_path / "results" / "deep" / "out")
    assert caught.value.exit_code == ExitCode.INPUT_REFUSED
    assert not (tmp_path / "results").exists()


def test_a_locked_target_is_refused_at_once(book: BookSpec, out: Path):
    with locked_work_folder(out, "0" * 64), pytest.raises(StressTestError) as caught:
        run(book, out)
    assert caught.value.exit_code == ExitCode.LOCKED


# ---------------------------------------------------------------- once more


@pytest.fixture
def kept(finished: Path, out: Path) -> Path:
    """The finished run in a folder that a test may write."""
    return Path(shutil.copytree(finished, out))


def why_refused(book: BookSpec, out: Path, **overrides: Any) -> str:
    """What a run into a folder that holds another one is refused with."""
    with pytest.raises(StressTestError, match="cannot be written there") as caught:
        run(book, out, **overrides)
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    return " ".join(fault.text() for fault in caught.value.faults)


def test_the_same_run_again_computes_nothing_and_changes_nothing(book: BookSpec, kept: Path):
    before = {path: path.read_bytes() for path in kept.rglob("*") if path.is_file()}
    outcome = run(book, kept, threads=1)  # threads change no figure
    assert (outcome.repeated, outcome.folder, outcome.summary.result_id) == (True, kept, manifest(kept).result_id)
    assert {path: path.read_bytes() for path in kept.rglob("*") if path.is_file()} == before
    assert [path.name for path in kept.parent.iterdir()] == ["out"]


def test_force_runs_the_same_again_to_the_same_figures(book: BookSpec, finished: Path, kept: Path):
    assert not run(book, kept, force=True).repeated
    assert manifest(kept).result_id == manifest(finished).result_id
    assert hashes(kept) == hashes(finished)


def test_a_finished_run_of_another_question_or_name_is_replaced_only_by_force(book: BookSpec, kept: Path):
    asked = {"keep": "worst", "name": "Another"}
    assert "holds a finished run: of another question (keep); of another name" in why_refused(book, kept, **asked)
    assert read_document(Identity, kept / "result.json").specification["keep"] == "all"
    assert not run(book, kept, force=True, **asked).repeated
    assert read_document(Identity, kept / "result.json").specification["keep"] == "worst"
    assert [path.name for path in kept.parent.iterdir()] == ["out"]


def test_a_finished_run_of_other_data_is_told_by_its_tables(book: BookSpec, kept: Path, tmp_path: Path):
    snapshot = Path(shutil.copytree(book.snapshot, tmp_path / "snapshot"))
    collateral = snapshot / "collateral.parquet"
    pl.read_parquet(collateral).with_columns(pl.col("quantity") * 2).write_parquet(collateral)
    assert "of other data (collateral)" in why_refused(book, kept, snapshot=str(snapshot))


def test_a_finished_run_of_other_code_or_altered_since_is_not_the_same(book: BookSpec, kept: Path, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patched:
        patched.setattr(repeated, "code_sha256", lambda: "0" * 64)
        assert "of other code" in why_refused(book, kept)
    (kept / "account_scenario.parquet").write_bytes((kept / "detail.parquet").read_bytes())
    assert "not as its run left it" in why_refused(book, kept)


def test_the_same_run_makes_the_report_that_is_asked_for_now(book: BookSpec, kept: Path):
    outcome = run(book, kept, **{"output.formats": ["html"]})
    assert outcome.repeated
    assert manifest(kept).result_id[:12] in (kept / "report.html").read_text()
    assert set(manifest(kept).reports) == {"report.html", "summary.json"}
