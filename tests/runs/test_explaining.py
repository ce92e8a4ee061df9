from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest
from generated.books import BookSpec

from stresstest.config import load_run
from stresstest.errors import ExitCode, StressTestError
from stresstest.results.integrity import intact
from stresstest.results.store import read_table, write_table
from stresstest.runs.console import Silent
from stresstest.runs.explaining import explain_run
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan
from stresstest.tables import ACCOUNT_SCENARIO, ACCOUNT_SUMMARY, DETAIL, MEASURES

pytestmark = pytest.mark.usefixtures("made_once")


class Listening(Silent):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture(scope="module")
def finished(book: BookSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return execute(plan(load_run(book.run_file), tmp_path_factory.mktemp("explained") / "out")).folder


def test_the_explanation_agrees_with_every_row_of_the_run(finished: Path):
    rows = read_table(finished, "account_scenario").to_dicts()
    for row in (rows[0], rows[len(rows) // 2], rows[-1]):
        console = Listening()
        document = explain_run(finished, row["account_id"], row["scenario_id"], console=console)
        assert console.warnings == []
        assert document["account"]["status"] == row["status"]
        scale = max(1.0, *(abs(row[measure.name]) for measure in MEASURES))
        for measure in MEASURES:
            assert document["account"][measure.name] == pytest.approx(row[measure.name], rel=1e-9, abs=1e-9 * scale)


def test_the_attribution_is_that_of_the_run(finished: Path):
    table = read_table(finished, "attribution").filter(pl.col("kind") != "residual")
    account = table["account_id"].mode().sort()[0]
    document = explain_run(finished, account)
    lines = {(line["kind"], line["subject"]): line["amount"] for line in document["attribution"]["lines"]}
    expected = {(kind, subject): amount for kind, subject, amount in table.filter(account_id=account).select("kind", "subject", "amount").iter_rows()}
    scale = 1e-9 * max(abs(amount) for amount in expected.values())
    residual = lines.pop(("residual", None))
    assert lines == {key: pytest.approx(amount, rel=1e-9, abs=scale) for key, amount in expected.items()}
    excess = document["account"]["margin_balance"] - document["account"]["maintenance_margin"]
    summary = read_table(finished, "account_summary").row(by_predicate=pl.col("account_id") == account, named=True)
    assert document["attribution"]["change"] == pytest.approx(excess - summary["margin_balance"] + summary["maintenance_margin"])
    assert sum(lines.values()) + residual == pytest.approx(document["attribution"]["change"])
    assert len(document["attribution"]["positions"]) == sum(len(pool["positions"]) for pool in document["pools"])


def test_a_figure_that_differs_is_warned_of(finished: Path, tmp_path: Path):
    shutil.copytree(finished, tmp_path / "run")
    for table in (DETAIL, ACCOUNT_SCENARIO):
        frame = read_table(tmp_path / "run", table.name).with_columns(pl.col("equity") + 1.0)
        write_table(frame, table, tmp_path / "run" / f"{table.name}.parquet", ["base"])
    console = Listening()
    account = read_table(finished, "detail")["account_id"][0]
    explain_run(tmp_path / "run", account, "base", console=console)
    assert [text.partition(":")[0] for text in console.warnings] == ["equity"]


@pytest.mark.parametrize("name", ["scenarios.parquet", "margin.yaml"])
def test_copies_that_changed_are_refused_rather_than_explained(finished: Path, tmp_path: Path, name: str):
    folder = Path(shutil.copytree(finished, tmp_path / "run"))
    copy = next(folder.glob(f"inputs/{name}"))
    copy.write_bytes(copy.read_bytes() + b"\n# a word more\n")
    account = read_table(folder, "detail")["account_id"][0]
    for refused in (lambda: explain_run(folder, account, "base"), lambda: intact(folder)):
        with pytest.raises(StressTestError, match="the result folder is not as its run left it") as caught:
            refused()
        assert [fault.file for fault in caught.value.faults] == [str(copy)]
        assert caught.value.exit_code == ExitCode.INPUT_REFUSED


@pytest.mark.parametrize(("account", "scenario", "words"), [("nobody", "base", "no account `nobody`"), (None, "nothing", "no scenario `nothing`")])
def test_an_unknown_account_or_scenario_is_a_usage_error(finished: Path, account: str | None, scenario: str, words: str):
    known = read_table(finished, "account_summary")["account_id"][0]
    with pytest.raises(StressTestError, match=words) as caught:
        explain_run(finished, account or known, scenario)
    assert caught.value.exit_code == ExitCode.CONFIGURATION


def test_without_a_headline_scenario_the_worst_of_all_is_explained(book: BookSpec, finished: Path, tmp_path: Path):
    shutil.copytree(finished, tmp_path / "run")
    summary = read_table(finished, "account_summary")
    account, worst = summary["account_id"][0], summary["worst_scenario_id"][0]
    none = [pl.lit(None).alias(name).cast(dtype) for name, dtype in summary.schema.items() if name.startswith("worst_headline_")]
    write_table(summary.with_columns(none), ACCOUNT_SUMMARY, tmp_path / "run" / "account_summary.parquet")
    document = explain_run(tmp_path / "run", account)
    assert (document["scenario_id"], document["scenario_choice"]) == (worst, "worst")
    alone = [pl.lit(None).alias(name).cast(dtype) for name, dtype in summary.schema.items() if name.startswith("worst_")]
    write_table(summary.with_columns(alone), ACCOUNT_SUMMARY, tmp_path / "run" / "account_summary.parquet")
    document = explain_run(tmp_path / "run", account)
    assert (document["scenario_id"], document["scenario_choice"]) == ("base", "base")


def test_a_snapshot_that_changed_names_the_table(book: BookSpec, finished: Path, tmp_path: Path):
    shutil.copytree(book.snapshot, tmp_path / "snapshot")
    collateral = tmp_path / "snapshot" / "collateral.parquet"
    pl.read_parquet(collateral).with_columns(pl.col("quantity") * 2).write_parquet(collateral)
    account = read_table(finished, "account_summary")["account_id"][0]
    with pytest.raises(StressTestError, match="not the one of the run") as caught:
        explain_run(finished, account, "base", str(tmp_path / "snapshot"))
    assert [fault.table for fault in caught.value.faults] == ["collateral"]


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path):
    with pytest.raises(StressTestError, match="not the folder of a finished run"):
        explain_run(tmp_path, "a", "base")
