"""`stresstest diff`: text, document and page."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

pytestmark = pytest.mark.usefixtures("made_once")


@pytest.fixture(scope="module")
def later(finished: Path, run_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the same book with a third contract of the first account, which makes its shortfall of 42.5 dollars 147.5."""
    import stresstest

    del finished
    snapshot = stresstest.read_snapshot(run_file.parent / "snapshot")
    first = pl.col("account_id") == "a000001"
    positions = snapshot["positions"].with_columns(quantity=pl.when(first).then(3.0).otherwise("quantity"))
    return stresstest.run(run_file, snapshot=snapshot.replace(positions=positions), out=tmp_path_factory.mktemp("later") / "out").folder


def test_text_has_figures_steps_and_accounts(stresstest, finished: Path, later: Path):
    done = stresstest("diff", finished, later)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].endswith(", as of 2026-11-19 16:00 UTC, in USD")
    assert lines[2].split() == ["Changed", "by", "before", "positions", "after", "change"]
    assert lines[3].split() == ["Worst", "margin", "shortfall", "255.00", "+105.00", "360.00", "+105.00"]
    assert "positions: other positions; nothing else is other input" in lines
    assert (
        "Unchanged, so exactly zero: code version, collateral, market, reference data, scenario set, margin parameters." in lines
    )  # fmt: skip
    assert "Breaches: 3 before, 3 after: 0 new, 0 cured, 1 worse, 0 better, 2 unchanged" in lines
    assert lines[-1].split() == ["a000001", "default", "default", "crash", "42.50", "147.50"]


def test_the_document_and_the_page(stresstest, finished: Path, later: Path, tmp_path: Path):
    (tmp_path / "page.html").write_text("old")
    done = stresstest("diff", finished, later, "--html", "page.html", "--json")
    document = json.loads(done.stdout)
    assert document["kind"] == "diff"
    assert document["html"] == str(tmp_path / "page.html")
    assert [(each["account_id"], each["breach"], each["margin_shortfall_change"]) for each in document["changed_accounts"]] == [
        ("a000001", "worse", 105.0)
    ]
    assert "Changes since 2026-11-19 16:00 UTC" in (tmp_path / "page.html").read_text()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["page.html"]


def test_a_page_that_cannot_be_written_leaves_nothing(stresstest, finished: Path, tmp_path: Path):
    done = stresstest("diff", finished, finished, "--html", "nowhere/page.html")
    assert done.returncode == 4
    assert "the page cannot be written" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_run_is_refused(stresstest, finished: Path):
    done = stresstest("diff", finished, "nowhere")
    assert done.returncode == 3
    assert "this is not the folder of a finished run" in done.stderr


def test_run_against_a_folder_tells_it_in_the_report(stresstest, finished: Path, run_file: Path, tmp_path: Path):
    from stresstest.report.facts import facts
    from stresstest.report.html import render_html

    done = stresstest("run", run_file, "--out", "out", "--against", finished)
    assert done.returncode == 0, done.stderr
    told = facts(tmp_path / "out", json.loads((tmp_path / "out" / "manifest.json").read_text()))
    assert told.since.startswith("Since 2026-11-19 16:00 UTC: Cover-2 is unchanged at USD ")
    page = render_html(told)
    assert '<section id="changes"' in page
    assert '<a href="#changes">Changes</a>' in page
    assert told.since in page


def test_the_first_run_of_a_book_says_so(stresstest, run_file: Path, tmp_path: Path):
    done = stresstest("run", run_file, "--out", "out", "--against", "previous", "--history", "history", "-v")
    assert done.returncode == 0
    why = "The history has no earlier run of the book two moves: there is nothing to compare this one with."
    assert why in done.stderr
    assert json.loads((tmp_path / "out" / "changes.json").read_text())["notes"] == [why]
