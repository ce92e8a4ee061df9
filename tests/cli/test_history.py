from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from results.history_case import FRIDAY, NIGHT, written_run

from stresstest.results.history import add

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of one book, one of them run twice, and one day of another."""
    folder = tmp_path_factory.mktemp("history")
    add(written_run(folder / "runs" / "thursday", FRIDAY - DAY, cover_2=95.0, cover_1=50.0), folder / "history")
    add(written_run(folder / "runs" / "first", cover_2=70.0), folder / "history")
    add(written_run(folder / "runs" / "friday", cover_2=80.0, finished=FRIDAY + 2 * NIGHT), folder / "history")
    add(written_run(folder / "runs" / "other", book="Other", resources=None), folder / "history")
    return folder / "history"


def test_what_is_told_of_a_book(stresstest, history: Path):
    told = stresstest("history", history, "--book", "Meridian Exchange", "--days", "30,90")
    assert told.returncode == 0
    assert told.stderr == ""
    lines = [" ".join(line.split()) for line in told.stdout.splitlines()]
    assert lines[0] == f"{history}: 3 runs of 1 book"
    assert "2026-11-13 21:00 amber 60.00 80.00 90.00 70.00 2 1 0 crash" in lines[5]
    assert "(2026-11-13 21:00) amber 60.00 70.00 90.00" in lines[6]
    assert "Cover-2, stress loss over margin 80.00 95.00 2026-11-12 87.50 95.00 2026-11-12 87.50" in lines
    assert "Calendar days up to 2026-11-13 21:00 UTC: 2 moments in 30 days, 2 moments in 90 days." in lines
    assert any(line.startswith("4.4.7 80.00 95.00 2026-11-12 87.50 1 of 2 5.00 Largest stress loss") for line in lines)


def test_the_document_has_all_books(stresstest, history: Path):
    content = json.loads(stresstest("history", "show", history, "--json").stdout)
    assert [(each["book"], len(each["runs"]), [w["days"] for w in each["windows"]]) for each in content["books"]] == [
        ("Meridian Exchange", 3, [30, 90, 250]),
        ("Other", 1, [30, 90, 250]),
    ]
    assert content["left_out"] == []
    assert content["books"][1]["disclosures"][0]["days_unknown"] == 1


def test_sql_over_it(stresstest, history: Path):
    sql = "SELECT book, max(cover_2_stress_loss_over_margin) AS peak, max(as_of) AS newest FROM runs GROUP BY book ORDER BY book"
    assert stresstest("history", history, "--sql", sql, "--json").stdout == stresstest("history", "--json", "--sql", sql, history).stdout
    content = json.loads(stresstest("history", history, "--sql", sql, "--json").stdout)
    assert (content["columns"], content["rows"]) == (
        ["book", "peak", "newest"],
        [["Meridian Exchange", 95.0, "2026-11-13T21:00:00+00:00"], ["Other", 100.0, "2026-11-13T21:00:00+00:00"]],
    )
    joined = "SELECT scenario_id, s.margin_shortfall FROM scenario_summary s JOIN runs USING (result_id, finished) WHERE s.book = 'Other' ORDER BY 1"
    told = stresstest("history", history, "--sql", joined).stdout
    assert [line.split() for line in told.splitlines()[1:]] == [["base", "0"], ["crash", "70"]]
    assert json.loads(stresstest("history", history, "--sql", "SELECT 'nan'::DOUBLE, 1.5::DECIMAL(4,1)", "--json").stdout)["rows"] == [["nan", 1.5]]


def test_a_damaged_file_is_told_and_the_rest_is_shown(stresstest, history: Path, tmp_path: Path):
    copy = shutil.copytree(history, tmp_path / "copy")
    damaged = max((copy / "scenario_summary").iterdir())
    damaged.write_bytes(b"PAR1PAR1")
    gone = min((copy / "runs").iterdir())
    gone.write_bytes(b"")
    told = stresstest("history", copy, "--sql", "SELECT count(*) AS n FROM scenario_summary")
    assert told.stdout.split() == ["n", "4"]  # of four runs two can be told of, and both have base and crash
    assert [line.partition(": cannot be read")[0] for line in told.stderr.splitlines()] == [
        f"warning: left out: {gone}, runs",
        f"warning: left out: {damaged}, scenario_summary",
    ]
    assert stresstest("history", copy, "-q").stderr == ""
    assert len(json.loads(stresstest("history", copy, "--json", "-q").stdout)["left_out"]) == 1


@pytest.mark.parametrize(("words", "told"), [
    (["nowhere"], "holds no runs"),
    (["{runs}/friday"], "is the result folder of a run. Add it to a history: stresstest history add"),
    (["{history}", "--book", "Meridian"], "has no run of the book 'Meridian'. Did you mean `Meridian Exchange`?"),
    (["{history}", "--days", "30,x"], "must be whole numbers of days"),
    (["{history}", "--days", "0"], "must be whole numbers of days"),
    (["{history}", "--sql", "DROP VIEW runs"], "must be one SELECT, not DROP"),
    (["add", "{runs}/friday"], "Missing option '--history'"),
    (["{run_file}"], "names no history"),
])  # fmt: skip
def test_misuse_is_told(stresstest, history: Path, run_file: Path, words: list[str], told: str):
    done = stresstest("history", *(word.format(history=history, runs=history.parent / "runs", run_file=run_file) for word in words))
    assert done.returncode == 2
    assert told in " ".join(done.stderr.split())


def test_runs_of_before_are_added(stresstest, finished: Path, run_file: Path, tmp_path: Path):
    told = stresstest("history", "add", finished, "--history", tmp_path / "history")
    assert told.returncode == 0
    assert told.stdout.startswith(f"added {finished}: two moves, 2026-11-19 16:00 UTC, result ")
    document = json.loads(stresstest("history", "add", finished, "--json", STRESSTEST_HISTORY=str(tmp_path / "history")).stdout)
    assert [each["book"] for each in document["runs"]] == ["two moves"]
    assert "holds no runs yet" in stresstest("history", run_file, STRESSTEST_HISTORY=str(tmp_path / "other")).stderr
    shown = stresstest("history", run_file, STRESSTEST_HISTORY=str(tmp_path / "history"))
    assert shown.stdout.splitlines()[0] == f"{tmp_path / 'history'}: 1 run of 1 book"


def test_a_changed_run_is_not_added(stresstest, finished: Path, tmp_path: Path):
    copy = shutil.copytree(finished, tmp_path / "copy")
    (copy / "scenario_summary.parquet").write_bytes(b"")
    told = stresstest("history", "add", finished, copy, "--history", "history")
    assert told.returncode == 3
    assert "scenario_summary: was changed after the run" in told.stderr
    assert not Path("history").exists()


def test_a_run_that_cannot_join_says_how_to_add_it_and_leaves_with_four(stresstest, run_file: Path, tmp_path: Path):
    (tmp_path / "taken").write_text("a file")
    done = stresstest("run", run_file, "--out", "out", "--history", "taken", "-q")
    assert done.returncode == 4
    assert done.stdout == f"{tmp_path / 'out'}\n"
    told = " ".join(done.stderr.split())
    assert f"stresstest history add {tmp_path / 'out'} --history {tmp_path / 'taken'}" in told
    assert "the run cannot be added to the history" in told
    (tmp_path / "taken").unlink()
    assert stresstest("history", "add", "out", "--history", "taken").returncode == 0


def test_a_plan_says_what_it_would_join(stresstest, run_file: Path, tmp_path: Path):
    lines = stresstest("run", run_file, "--dry-run", "--history", "h", "--book", "B").stdout.splitlines()
    assert lines[-1] == f"joins       the runs of B in {tmp_path / 'h'}"
    assert not any(line.startswith("joins") for line in stresstest("run", run_file, "--dry-run", STRESSTEST_HISTORY="null").stdout.splitlines())
