from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from results.history_case import FRIDAY, NIGHT, written_run

from stresstest.results.documents import read_document
from stresstest.results.summary import Summary
from stresstest.runs.operators.metrics import METRICS, Ended, write_metrics

LATER = datetime(2026, 11, 16, 22, tzinfo=UTC)


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """Seven accounts ok, two called, one in liquidation in the worst scenario; 70 short, Cover-2 of 100 against resources of 90."""
    return read_document(Summary, written_run(tmp_path_factory.mktemp("metrics") / "run") / "summary.json")


def ended(summary: Summary | None, code: int, book: str = "Meridian", at: datetime = FRIDAY + NIGHT) -> Ended:
    return Ended(book, at, code, 12.5, 700_000_000, summary)


def read(file: Path) -> dict[str, float]:
    """Every sample as the collector sees it: its name with its labels in order."""
    families = text_string_to_metric_families(file.read_text(encoding="utf-8"))
    return {f"{each.name}{sorted(each.labels.items())}": each.value for family in families for each in family.samples}


def value(file: Path, name: str, book: str = "Meridian", **labels: str) -> float | None:
    return read(file).get(f"stresstest_{name}{sorted({'book': book, **labels}.items())}")


def test_a_complete_run_has_every_metric_with_the_figures_of_its_summary(tmp_path: Path, summary: Summary):
    file = tmp_path / "stress.prom"
    write_metrics(file, ended(summary, 5))
    text = file.read_text()
    assert [metric.name for metric in METRICS if f"# TYPE {metric.name} gauge" not in text] == []
    assert value(file, "last_run_exit_code") == 5
    assert (value(file, "last_run_duration_seconds"), value(file, "last_run_peak_memory_bytes")) == (12.5, 7e8)
    # Friday 13 November 2026, 22:00 UTC, an hour after the snapshot.
    assert value(file, "last_run_timestamp_seconds") == value(file, "last_success_timestamp_seconds") == 1_794_607_200
    assert (value(file, "snapshot_timestamp_seconds"), value(file, "snapshot_age_seconds")) == (1_794_603_600, 3600)
    assert value(file, "light") == 1
    assert [value(file, "accounts", scenario="worst", status=status) for status in ("ok", "call", "liquidation", "default")] == [7, 2, 1, 0]
    assert value(file, "margin_shortfall", scenario="worst", currency="USD") == 70
    assert value(file, "cover", owners="2", basis="stress_loss_over_margin", currency="USD") == 100
    assert value(file, "resources", currency="USD") == 90
    assert value(file, "data_checks", result="warn") == 1
    assert value(file, "limits", status="red") == 0


def test_no_account_and_no_owner_is_named(tmp_path: Path, summary: Summary):
    write_metrics(tmp_path / "stress.prom", ended(summary, 0))
    text = (tmp_path / "stress.prom").read_text()
    names = [each.account_id for each in summary.worst_accounts] + [
        owner for covers in summary.cover.values() for each in (covers.cover_1, covers.cover_2) for owner in each.owners
    ]
    assert names
    labels = {labelled for key in read(tmp_path / "stress.prom") for labelled in key.split("'")[1::2]}
    assert not labels & set(names)
    assert not any(f'"{name}"' in text for name in names)


def test_a_failure_renews_the_last_run_and_keeps_the_last_success(tmp_path: Path, summary: Summary):
    file = tmp_path / "stress.prom"
    write_metrics(file, ended(summary, 0))
    before = read(file)
    write_metrics(file, ended(None, 3, at=LATER))
    after = read(file)
    assert before.keys() == after.keys()
    changed = {key.partition("[")[0] for key in before if before[key] != after[key]}
    assert changed == {"stresstest_last_run_timestamp_seconds", "stresstest_last_run_exit_code"}
    assert value(file, "last_run_exit_code") == 3
    write_metrics(file, ended(summary, 0, at=LATER))
    assert value(file, "last_success_timestamp_seconds") == LATER.timestamp()


def test_a_failure_before_any_success_says_so_by_what_is_absent(tmp_path: Path):
    file = tmp_path / "stress.prom"
    write_metrics(file, ended(None, 2))
    assert len(read(file)) == 4
    assert value(file, "last_success_timestamp_seconds") is None


def test_other_books_in_the_file_stay(tmp_path: Path, summary: Summary):
    file = tmp_path / "stress.prom"
    write_metrics(file, ended(summary, 0, book='North "Sea"\\\n'))
    write_metrics(file, ended(None, 130))
    assert value(file, "light", book='North "Sea"\\\n') == 1
    assert value(file, "last_run_exit_code") == 130


def test_a_file_of_something_else_is_not_overwritten(tmp_path: Path):
    file = tmp_path / "stress.prom"
    file.write_text("# HELP broken\nno metric at all {\n")
    with pytest.raises(ValueError, match=r"."):
        write_metrics(file, ended(None, 3))
    assert file.read_text() == "# HELP broken\nno metric at all {\n"


def test_a_reader_never_sees_half_a_file(tmp_path: Path, summary: Summary):
    file = tmp_path / "stress.prom"
    write_metrics(file, ended(summary, 0))
    whole, seen, stop = set(read(file)), [], threading.Event()

    def watch() -> None:
        while not stop.is_set():
            seen.append(set(read(file)) == whole)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for code in range(30):
        write_metrics(file, ended(None, code))
    stop.set()
    watcher.join()
    assert seen
    assert all(seen)
    assert [path.name for path in tmp_path.iterdir()] == ["stress.prom"]


def test_runs_of_several_books_that_end_at_once_share_a_file(tmp_path: Path, summary: Summary):
    file = tmp_path / "stress.prom"
    books = [f"book {number}" for number in range(12)]
    writers = [threading.Thread(target=write_metrics, args=(file, ended(summary, 0, book))) for book in books]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [value(file, "last_run_exit_code", book) for book in books] == [0.0] * len(books)
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path, summary: Summary):
    with pytest.raises(FileNotFoundError):
        write_metrics(tmp_path / "elsewhere" / "stress.prom", ended(summary, 0))
    assert not (tmp_path / "elsewhere").exists()
