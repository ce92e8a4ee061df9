"""What the answer says of data checks."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from stresstest.cli.answer import answer_text
from stresstest.results.changes import Changes
from stresstest.results.documents import read_document, write_document
from stresstest.results.store import read_table, write_table
from stresstest.results.summary import Summary
from stresstest.tables import DATA_QUALITY


def told(finished: Path, folder: Path, results: list[str]) -> list[str]:
    row = read_table(finished, "data_quality").head(1)
    checks = [row.with_columns(check=pl.lit(f"check {n}"), result=pl.lit(result), message=pl.lit("Odd.")) for n, result in enumerate(results)]
    write_table(pl.concat(checks or [row.clear()]), DATA_QUALITY, folder / "data_quality.parquet")
    return answer_text(read_document(Summary, finished / "summary.json"), folder).splitlines()


def test_warnings_are_told_in_words_failures_first_and_five_at_most(finished: Path, tmp_path: Path) -> None:
    lines = told(finished, tmp_path, ["pass", *["warn"] * 6, "fail"])
    start = lines.index("Data checks")
    assert lines[start + 1].startswith("  fail  check 7, ")
    assert lines[start + 1].endswith(": Odd.")
    assert [line.split(",")[0] for line in lines[start + 2 : start + 6]] == [f"  warn  check {n}" for n in (1, 2, 3, 4)]
    assert lines[start + 6] == "  and 2 more: see data quality in the report"


def test_checks_that_passed_are_not_told(finished: Path, tmp_path: Path) -> None:
    assert "Data checks" not in told(finished, tmp_path, ["pass", "pass"])


def test_one_account_and_one_scenario_are_told_as_one(finished: Path, tmp_path: Path) -> None:
    told(finished, tmp_path, [])
    summary = read_document(Summary, finished / "summary.json")
    one = summary.model_copy(update={"scenarios": 2, "counts": summary.counts.model_copy(update={"accounts": 1, "positions": 1_000})})
    assert "1 account, 1,000 positions, 1 scenario\n" in answer_text(one, tmp_path)


def test_the_table_of_accounts_stays_narrow_whatever_their_names(finished: Path, tmp_path: Path) -> None:
    told(finished, tmp_path, [])
    summary = read_document(Summary, finished / "summary.json")
    name = "first" + "x" * 190 + "final"
    worst = summary.worst_accounts[0].model_copy(update={"account_id": name})
    cover = summary.cover["stress_loss_over_margin"]
    named = cover.model_copy(update={"cover_2": cover.cover_2.model_copy(update={"owners": (name,)})})
    changed = {"worst_accounts": (worst, *summary.worst_accounts[1:]), "cover": {**summary.cover, "stress_loss_over_margin": named}}
    text = answer_text(summary.model_copy(update=changed), tmp_path)
    assert text.count("firstxxxxxxxxxxxxxxx…xxxxxxxxxxxxxxfinal") == 2
    assert name not in text
    table = text[text.index("Worst accounts") :].splitlines()[:4]
    assert max(map(len, table)) < 120


def test_what_changed_is_told_as_in_the_report_and_so_is_that_nothing_can_be(finished: Path, tmp_path: Path) -> None:
    told(finished, tmp_path, [])
    summary = read_document(Summary, finished / "summary.json")
    assert "Changes" not in answer_text(summary, tmp_path)
    run = {"result_id": "a" * 64, "name": "Book", "code_version": "1", "worst_scenario": "crash", "accounts": 5, "excluded_accounts": 0}
    after = {**run, "as_of": "2026-11-19T16:00:00+00:00"}
    nothing = {"reporting_currency": "USD", "computed_again": False, "steps": (), "figures": (), "breaches": None, "presence": None}
    first = Changes.model_validate({**nothing, "before": None, "after": after, "notes": ("There is none.",)})
    write_document(first, tmp_path / "changes.json")
    assert "\nChanges          There is none.\n" in answer_text(summary, tmp_path)
    figures = [
        {"figure": name, "unit": "money", "before": 1e6, "after": 3e6, "change": 2e6, "steps": ()}
        for name in ("worst_margin_shortfall", "cover_2_stress_loss_over_margin")
    ]
    breaches = {"before": 9, "after": 7, "new": 1, "cured": 3, "worse": 2, "better": 4, "unchanged": 0, "not_known": 0}
    before = {**run, "as_of": "2026-11-18T16:00:00+00:00"}
    second = Changes.model_validate({**nothing, "before": before, "after": after, "notes": (), "figures": figures, "breaches": breaches})
    write_document(second, tmp_path / "changes.json")
    line = next(line for line in answer_text(summary, tmp_path).splitlines() if line.startswith("Changes"))
    assert line.startswith("Changes          Since 2026-11-18 16:00 UTC: Cover-2 rose by USD 2.0m to 3.0m; the worst margin shortfall rose")
    assert line.endswith("1 breach new, 3 cured, 2 worse, 4 better.")
