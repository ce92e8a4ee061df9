"""Runs that look back on a history and join it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from runs.plain_book import write_plain_book

import stresstest
from stresstest.config import load_run
from stresstest.errors import ExitCode, StressTestError
from stresstest.results.history import add, previous, read_runs
from stresstest.results.integrity import intact
from stresstest.runs.console import Silent
from stresstest.runs.pipeline import Outcome, execute
from stresstest.runs.planning import plan
from stresstest.tables import TREND

pytestmark = pytest.mark.usefixtures("made_once")


class Warned(Silent):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def warn(self, text: str) -> None:
        self.texts.append(text)


def run(run_file: Path, out: Path, console: Silent | None = None, *, force: bool = False, **overrides: Any) -> Outcome:
    return execute(plan(load_run(run_file, overrides), out), console, force=force)


@pytest.fixture(scope="module")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain book of three accounts, of the moment that a run says, or else of the 19th."""
    file = write_plain_book(tmp_path_factory.mktemp("plain") / "book", 3)
    (file.parent / "snapshot" / "snapshot.json").unlink()
    file.write_text(file.read_text() + 'as_of: "2026-11-19T16:00:00Z"\nreporting_currency: USD\n')
    return file


@pytest.fixture(scope="module")
def two_days(made_once: None, run_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a history of two runs of one book, a day apart, and one of another book between them."""
    del made_once
    folder = tmp_path_factory.mktemp("two days")
    for day, book in (("18", "plain"), ("19", "other"), ("20", "plain")):
        run(run_file, folder / day, history=str(folder / "history"), book=book, as_of=f"2026-11-{day}T16:00:00Z")
    return folder


def test_a_run_joins_and_the_next_looks_back_on_it(two_days: Path):
    found = read_runs(two_days / "history")
    assert found.faults == ()
    assert found.table.select("book", "folder").rows() == [("plain", "../18"), ("other", "../19"), ("plain", "../20")]
    trend = pl.read_parquet(two_days / "20" / "trend.parquet")
    assert tuple(trend.columns) == TREND.names
    assert [each.isoformat() for each in trend["as_of"]] == ["2026-11-18T16:00:00+00:00", "2026-11-20T16:00:00+00:00"]
    assert pl.read_parquet(two_days / "19" / "trend.parquet").height == 1
    # 1, 2 and 3 contracts of 100 dollars with 10 % of them as collateral, half of the price gone: everybody in default, by 40 dollars a contract
    assert trend["worst_accounts_default"].to_list() == [3, 3]
    assert trend["cover_2_uncollateralised_loss"].to_list() == [pytest.approx(200.0)] * 2
    last = previous(two_days / "history", "plain", trend["as_of"][1])
    assert last is not None
    assert stresstest.open_run(last.folder).result_id == last.result_id


def test_the_trend_as_a_chart(two_days: Path):
    chart = stresstest.open_run(two_days / "20").charts.trend.to_dict()
    assert chart["title"]["subtitle"][0].startswith("In USD; diamond: the peak of Cover-2")
    assert [row["text"] for row in chart["datasets"]["dates"]] == ["2026-11-18", "2026-11-20"]


def test_what_was_learned_is_in_the_manifest_and_not_in_the_result(two_days: Path, run_file: Path, tmp_path: Path):
    folder = two_days / "20"
    manifest, identity = intact(folder)
    assert manifest.tables["trend"].rows == 2
    assert "trend" not in identity.tables
    alone = run(run_file, tmp_path / "alone", as_of="2026-11-20T16:00:00Z").folder
    assert intact(alone)[1] == identity
    assert not (alone / "trend.parquet").exists()
    assert "history" not in json.loads((folder / "inputs" / "run.json").read_text())
    assert "trend" in stresstest.open_run(folder).tables


@pytest.mark.parametrize(
    ("change", "what"), [("changed", "not that of manifest.json"), ("gone", "the table is missing"), ("new", "added after the run")]
)
def test_a_change_of_what_was_learned_is_found(run_file: Path, tmp_path: Path, change: str, what: str):
    folder = run(run_file, tmp_path / "out", history=None if change == "new" else str(tmp_path / "history")).folder
    table = folder / "trend.parquet"
    if change == "gone":
        table.unlink()
    else:
        table.write_bytes(b"x")
    with pytest.raises(StressTestError) as caught:
        intact(folder)
    assert [fault.table for fault in caught.value.faults] == ["trend"]
    assert what in caught.value.faults[0].what


def test_a_run_that_cannot_join_is_complete_and_can_be_added_later(run_file: Path, tmp_path: Path):
    place = tmp_path / "history of runs"
    place.write_text("a file")
    outcome = run(run_file, tmp_path / "out", history=str(place))
    assert outcome.lacking is not None
    assert outcome.lacking.exit_code is ExitCode.ENVIRONMENT
    assert f"stresstest history add {tmp_path / 'out'} --history '{place}'" in str(outcome.lacking)
    intact(outcome.folder)
    place.unlink()
    again = run(run_file, tmp_path / "out", history=str(place))  # complete already: nothing is computed, and it joins
    assert (again.repeated, again.lacking) == (True, None)
    assert read_runs(place).table.height == 1
    add(outcome.folder, place)
    assert read_runs(place).table.height == 1


def test_a_damaged_file_of_the_history_is_told_and_the_run_goes_on(two_days: Path, run_file: Path, tmp_path: Path):
    history = tmp_path / "history"
    for folder in ("18", "20"):
        add(two_days / folder, history)
    damaged = min((history / "runs").iterdir())
    damaged.write_bytes(b"PAR1")
    console = Warned()
    folder = run(run_file, tmp_path / "out", console, history=str(history), book="plain", as_of="2026-11-21T16:00:00Z").folder
    (text,) = [text for text in console.texts if "history" in text]
    assert str(damaged) in text
    assert pl.read_parquet(folder / "trend.parquet")["as_of"].dt.day().to_list() == [20, 21]


def test_a_temporary_run_does_not_join(run_file: Path, tmp_path: Path):
    finished = stresstest.run(run_file, history=tmp_path / "history")
    assert "trend" in finished.tables
    assert not (tmp_path / "history").exists()


def test_the_book_is_its_label_and_not_part_of_the_question(run_file: Path, tmp_path: Path):
    named = plan(load_run(run_file, {"name": "Evening"}), tmp_path / "out")
    assert [plan(load_run(run_file), tmp_path / "out").book, named.book] == ["two moves", "Evening"]
    assert plan(load_run(run_file, {"name": "Evening", "book": "b", "history": str(tmp_path)}), tmp_path / "out").hash == named.hash
    run(run_file, tmp_path / "out", book="b")
    with pytest.raises(StressTestError, match="of another book"):
        run(run_file, tmp_path / "out", book="c")


def test_a_history_is_a_folder(tmp_path: Path, run_file: Path):
    with pytest.raises(StressTestError, match="must be a folder, not an address"):
        load_run(run_file, {"history": "s3://bucket/history"})
