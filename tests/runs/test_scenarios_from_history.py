"""Generators from history in a whole run: what is stored, explained, written out and run again."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from runs.plain_book import write_plain_book

import stresstest
from stresstest.config import load_run
from stresstest.errors import StressTestError
from stresstest.runs.scenarios.expanding import write_scenarios

pytestmark = pytest.mark.usefixtures("made_once")

# Wednesday to the Thursday of the snapshot: minus 10 %, plus 5 %.
HISTORY = pl.DataFrame({"date": ["2026-11-17", "2026-11-18", "2026-11-19"], "factor": "spot:BTC", "value": [200.0, 180.0, 189.0]})


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    run = write_plain_book(tmp_path / "book", 3)
    HISTORY.with_columns(pl.col("date").str.to_date()).write_parquet(tmp_path / "book" / "snapshot" / "history.parquet")
    (tmp_path / "book" / "scenarios.yaml").write_text("generators:\n  - {kind: historical, id: replay, headline: true}\n")
    return run


def test_replayed_days_are_scenarios_as_any_other(run_file: Path, tmp_path: Path) -> None:
    done = stresstest.run(run_file, out=tmp_path / "out")
    assert done.scenarios["scenario_id"].to_list() == ["base", "replay.2026-11-18", "replay.2026-11-19"]
    # Account k is long k contracts at 100 with 10 k dollars: ten percent down leaves nothing of it, and 4.5 k is required of k.
    summary = done.table("scenario_summary", ("scenario_id", "equity", "margin_shortfall"))
    assert summary.rows()[1:] == [
        ("replay.2026-11-18", pytest.approx(0.0, abs=1e-9), pytest.approx(27.0)),
        ("replay.2026-11-19", pytest.approx(90.0), 0.0),
    ]
    derived = done.explain("a000002", "replay.2026-11-18").accounts.row(0, named=True)
    assert derived["margin_shortfall"] == pytest.approx(9.0)
    assert stresstest.run(run_file, out=tmp_path / "again").result_id == done.result_id
    assert stresstest.run(run_file, out=tmp_path / "out").repeated


def test_a_headline_may_name_them(run_file: Path, tmp_path: Path) -> None:
    done = stresstest.run(run_file, headline=["replay.2026-11-19"])
    assert done.scenarios.filter("headline")["scenario_id"].to_list() == ["replay.2026-11-19"]
    with pytest.raises(StressTestError, match="headline names scenarios that are not there"):
        stresstest.run(run_file, headline=["replay.2026-11-20"])


def test_what_is_written_out_runs_to_the_same_figures(run_file: Path, tmp_path: Path) -> None:
    written = write_scenarios(load_run(run_file), tmp_path / "signed_off.yaml").file
    once, again = stresstest.run(run_file), stresstest.run(run_file, scenarios=str(written))
    assert again.table("account_summary").equals(once.table("account_summary"))


def test_validate_looks_at_the_history_too(run_file: Path) -> None:
    assert stresstest.validate(run_file).scenarios == 3
    wrong = HISTORY.with_columns(pl.col("date").str.to_date(), value=pl.lit(-1.0))
    wrong.write_parquet(run_file.parent / "snapshot" / "history.parquet")
    with pytest.raises(StressTestError) as caught:
        stresstest.validate(run_file)
    assert [(fault.what, fault.table, fault.rows) for fault in caught.value.faults] == [("is zero or below", "history", 3)]
