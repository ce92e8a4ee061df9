from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from results.history_case import FRIDAY, NIGHT, STANDING, written_run

from stresstest.errors import Reason, StressTestError
from stresstest.results.history import add, file_name, previous, read_kept, read_runs
from stresstest.tables import RUNS, SCENARIO_SUMMARY

DAY = timedelta(days=1)


def contents(history: Path) -> dict[str, bytes]:
    return {path.relative_to(history).as_posix(): path.read_bytes() for path in sorted(history.rglob("*")) if path.is_file()}


def test_a_run_is_one_file_a_table(tmp_path: Path):
    added = add(written_run(tmp_path / "runs" / "friday"), tmp_path / "history")
    name = f"2026-11-13T210000Z_{added.result_id[:12]}_20261113T220000000000Z.parquet"
    assert list(contents(tmp_path / "history")) == [f"runs/{name}", f"scenario_summary/{name}"]
    kept = pl.read_parquet(tmp_path / "history" / "scenario_summary" / name)
    assert kept.columns == ["book", "as_of", "result_id", "finished", *SCENARIO_SUMMARY.names]
    assert kept["book"].unique().to_list() == ["Meridian Exchange"]
    assert kept.select("scenario_id", "margin_shortfall").rows() == [("base", 0.0), ("crash", 70.0)]


def test_what_is_kept_of_a_run(tmp_path: Path):
    run = written_run(tmp_path / "friday")
    add(run, tmp_path / "history")
    (row,) = read_runs(tmp_path / "history").table.to_dicts()
    assert tuple(row) == RUNS.names
    expected = {
        "book": "Meridian Exchange", "as_of": FRIDAY, "finished": FRIDAY + NIGHT, "folder": "../friday", "light": "amber", "headline_scenarios": 1,
        "accounts": 10, "base_accounts_call": 1, "base_equity": 1000.0, "worst_scenario_id": "crash", "worst_margin_shortfall": 70.0,
        "worst_accounts_ok": 7, "worst_accounts_liquidation": 1, "cover_1_stress_loss_over_margin": 60.0, "cover_2_stress_loss_over_margin": 100.0,
        "cover_2_uncollateralised_loss": 50.0, "cover_2_owners_stress_loss_over_margin": ["CC007", "HF034"], "resources": 90.0,
        "largest_account_id": "CC007-001", "largest_account_margin_shortfall": 70.0, "checks_warn": 1, "reporting_currency": "USD",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


def test_without_a_headline_scenario_nothing_is_said_of_cover_and_worst(tmp_path: Path):
    add(written_run(tmp_path / "friday", headline=False, cover_1=0.0, cover_2=0.0), tmp_path / "history")
    (row,) = read_runs(tmp_path / "history").table.to_dicts()
    assert [row[name] for name in ("cover_1_stress_loss_over_margin", "worst_margin_shortfall", "worst_accounts_ok", "largest_account_id")] == [
        None
    ] * 4


def test_the_same_run_twice_is_one_and_the_same_bytes(tmp_path: Path):
    run = written_run(tmp_path / "friday")
    add(run, tmp_path / "history")
    once = contents(tmp_path / "history")
    add(run, tmp_path / "history")
    assert contents(tmp_path / "history") == once


def test_a_run_that_is_run_again_is_a_row_more(tmp_path: Path):
    for number in (1, 2):
        add(written_run(tmp_path / str(number), finished=FRIDAY + number * NIGHT), tmp_path / "history")
    assert read_runs(tmp_path / "history").table["finished"].to_list() == [FRIDAY + NIGHT, FRIDAY + 2 * NIGHT]


def test_the_specification_is_the_same_on_another_day_and_another_with_other_scenarios(tmp_path: Path):
    runs = [
        written_run(tmp_path / "friday"),
        written_run(tmp_path / "monday", FRIDAY + 3 * DAY),
        written_run(tmp_path / "other", asked=STANDING | {"scenarios": "6" * 64}),
    ]
    friday, monday, other = (add(run, tmp_path / "history").specification for run in runs)
    assert friday == monday != other


# ------------------------------------------------------------------ the previous run


def test_the_previous_run_is_the_newest_of_the_latest_earlier_moment_of_the_book(tmp_path: Path):
    history = tmp_path / "history"
    assert previous(history, "Meridian Exchange", FRIDAY) is None
    written = {
        "thursday": written_run(tmp_path / "thursday", FRIDAY - DAY, finished=FRIDAY - DAY + 2 * NIGHT),
        "thursday first": written_run(tmp_path / "first", FRIDAY - DAY, finished=FRIDAY - DAY + NIGHT, shortfall=1.0),
        "wednesday, run late": written_run(tmp_path / "wednesday", FRIDAY - 2 * DAY, finished=FRIDAY + 9 * DAY),
        "another book": written_run(tmp_path / "another", FRIDAY - NIGHT, book="Another"),
        "itself": written_run(tmp_path / "friday"),
        "later": written_run(tmp_path / "monday", FRIDAY + 3 * DAY),
    }
    for run in written.values():
        add(run, history)
    found = previous(history, "Meridian Exchange", FRIDAY)
    assert found is not None
    assert (found.folder, found.as_of, found.finished) == (written["thursday"].resolve(), FRIDAY - DAY, FRIDAY - DAY + 2 * NIGHT)
    assert found.figures["worst_margin_shortfall"] == 70.0
    before = previous(history, "Meridian Exchange", FRIDAY - DAY)
    assert before is not None
    assert before.folder == written["wednesday, run late"].resolve()
    assert previous(history, "Meridian Exchange", FRIDAY - 2 * DAY) is None


def test_moments_within_a_second_are_told_apart(tmp_path: Path):
    moments = [FRIDAY.replace(microsecond=part) for part in (100, 200, 300)]
    for number, moment in enumerate(moments):
        add(written_run(tmp_path / str(number), moment), tmp_path / "history")
    found = previous(tmp_path / "history", "Meridian Exchange", moments[2])
    assert found is not None
    assert found.as_of == moments[1]


def test_history_and_runs_can_move_together(tmp_path: Path):
    add(written_run(tmp_path / "here" / "runs" / "friday"), tmp_path / "here" / "history")
    (tmp_path / "here").rename(tmp_path / "there")
    found = previous(tmp_path / "there" / "history", "Meridian Exchange", FRIDAY + DAY)
    assert found is not None
    assert found.folder == (tmp_path / "there" / "runs" / "friday").resolve()


# ------------------------------------------------------------------ several at once, crashes, damage


ADD = """
import sys
from pathlib import Path
from stresstest.results.history import add
history, *runs = map(Path, sys.argv[1:])
print("ready", flush=True)
sys.stdin.readline()
for run in runs:
    for _ in range(3):
        add(run, history)
"""


def test_two_processes_at_once_and_a_reader_meanwhile(tmp_path: Path):
    history = tmp_path / "history"
    days = [[str(written_run(tmp_path / f"{who}{day}", FRIDAY + day * DAY, book=who)) for day in range(4)] for who in ("a", "b")]
    shared = str(written_run(tmp_path / "shared", book="both"))
    adding = [
        subprocess.Popen([sys.executable, "-c", ADD, str(history), shared, *days[who]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for who in (0, 1)
    ]
    for process in adding:
        assert process.stdout is not None
        process.stdout.readline()
    for process in adding:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    seen = [0]
    while any(process.poll() is None for process in adding):
        found = read_runs(history)
        assert found.faults == ()
        seen.append(found.table.height)
    assert [process.communicate()[1] for process in adding] == [None, None]
    assert [process.returncode for process in adding] == [0, 0]
    assert seen == sorted(seen)
    assert read_runs(history).table["book"].value_counts().sort("book").rows() == [("a", 4), ("b", 4), ("both", 1)]
    assert not list(history.rglob("*.partial"))


KILLED = """
import os, signal, sys
from pathlib import Path
from stresstest.results import history, whole
table, place, run = sys.argv[1:]
synced = whole.sync
def killed(path):
    synced(path)
    if path.parent.name == table and path.suffix == ".partial":
        os.kill(os.getpid(), signal.SIGKILL)
whole.sync = killed
history.add(Path(run), Path(place))
"""


@pytest.mark.parametrize("table", ["scenario_summary", "runs"])
def test_a_process_killed_between_writing_and_renaming_leaves_what_nobody_reads(tmp_path: Path, table: str):
    history = tmp_path / "history"
    add(written_run(tmp_path / "thursday", FRIDAY - DAY), history)
    before = read_runs(history).table
    friday = written_run(tmp_path / "friday")
    ended = subprocess.run([sys.executable, "-c", KILLED, table, str(history), str(friday)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(list((history / table).glob(".*.partial"))) == 1
    after = read_runs(history)
    assert after.faults == ()
    assert after.table.equals(before)
    assert read_kept(history, SCENARIO_SUMMARY, after.table).table["as_of"].unique().to_list() == [FRIDAY - DAY]
    add(friday, history)
    assert read_runs(history).table["as_of"].to_list() == [FRIDAY - DAY, FRIDAY]


def test_a_damaged_file_is_named_and_the_other_runs_are_there(tmp_path: Path):
    history = tmp_path / "history"
    for day in range(4):
        add(written_run(tmp_path / str(day), FRIDAY + day * DAY), history)
    first, second, third, _ = sorted((history / "runs").iterdir())
    first.write_bytes(first.read_bytes()[:-9])
    data = bytearray(second.read_bytes())
    data[len(b"PAR1") + 30] ^= 0xFF  # inside the first page
    second.write_bytes(data)
    third.write_bytes(b"")
    found = read_runs(history)
    assert found.table["as_of"].to_list() == [FRIDAY + 3 * DAY]
    assert [fault.file for fault in found.faults] == [str(first), str(second), str(third)]
    assert all("cannot be read" in fault.what and "stresstest history add" in fault.hint for fault in found.faults)
    last = previous(history, "Meridian Exchange", FRIDAY + 4 * DAY)
    assert last is not None
    assert last.as_of == FRIDAY + 3 * DAY
    assert previous(history, "Meridian Exchange", FRIDAY + 3 * DAY) is None
    add(tmp_path / "0", history)  # adding it again mends it
    assert len(read_runs(history).faults) == 2


def test_a_file_of_something_else_is_named(tmp_path: Path):
    history = tmp_path / "history"
    add(written_run(tmp_path / "friday"), history)
    pl.DataFrame({"a": [1]}).write_parquet(history / "runs" / "mine.parquet")
    pl.DataFrame({"a": [1]}).write_parquet(history / "runs" / file_name(FRIDAY, "0" * 64, FRIDAY))
    found = read_runs(history)
    assert found.table.height == 1
    assert sorted(fault.what for fault in found.faults) == [
        "does not say book, as_of, result_id, finished, specification, folder",
        "is not named as files of a history are",
    ]


def test_columns_that_an_older_version_did_not_write_are_null(tmp_path: Path):
    history = tmp_path / "history"
    add(written_run(tmp_path / "friday"), history)
    (file,) = (history / "runs").iterdir()
    pl.read_parquet(file).drop("checks_warn").with_columns(pl.lit(1).alias("to_come")).write_parquet(file)
    found = read_runs(history)
    assert found.faults == ()
    assert found.table["checks_warn"].to_list() == [None]
    assert tuple(found.table.columns) == RUNS.names


def test_a_history_that_cannot_be_written_is_said_with_its_place(tmp_path: Path):
    (tmp_path / "history").write_text("a file")
    with pytest.raises(StressTestError) as caught:
        add(written_run(tmp_path / "friday"), tmp_path / "history")
    assert caught.value.reason is Reason.ENVIRONMENT
    assert str(tmp_path / "history") in str(caught.value)
    assert read_runs(tmp_path / "history").table.is_empty()


def test_what_is_no_run_is_not_added(tmp_path: Path):
    with pytest.raises(StressTestError) as caught:
        add(tmp_path, tmp_path / "history")
    assert caught.value.reason is Reason.INPUT_DATA
    assert not (tmp_path / "history").exists()


def test_files_are_chosen_by_moment_to_the_second(tmp_path: Path):
    for day in range(3):
        add(written_run(tmp_path / str(day), FRIDAY + day * DAY), tmp_path / "history")
    chosen = read_runs(tmp_path / "history", since=FRIDAY + DAY, until=FRIDAY + DAY).table["as_of"].to_list()
    assert chosen == [FRIDAY + DAY]
    elsewhere = datetime.fromisoformat("2026-11-14T22:00:00+01:00")  # the same moment
    assert read_runs(tmp_path / "history", since=elsewhere, until=elsewhere.astimezone(UTC)).table["as_of"].to_list() == [FRIDAY + DAY]


def test_a_book_is_read_alone(tmp_path: Path):
    history = tmp_path / "history"
    for book in ("a", "b"):
        for day in range(2):
            add(written_run(tmp_path / f"{book}{day}", FRIDAY + day * DAY, book=book), history)
    assert read_runs(history, book="b").table["book"].to_list() == ["b", "b"]
    assert read_runs(history, book="c").table.is_empty()
    found = previous(history, "a", FRIDAY + DAY)
    assert found is not None
    assert (found.book, found.as_of) == ("a", FRIDAY)


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    history = tmp_path / "history"
    add(written_run(tmp_path / "friday"), history)

    def refused(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refused)
    found = read_runs(history)
    assert found.table.is_empty()
    assert [(fault.file, fault.what) for fault in found.faults] == [(str(history / "runs"), "cannot be read: Permission denied")]
    assert previous(history, "Meridian Exchange", FRIDAY + DAY) is None
