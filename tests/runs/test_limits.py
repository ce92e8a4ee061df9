"""Limits in a run: measured on a book small enough for the head, refused before anything is computed, followed from day to day."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from runs.plain_book import write_plain_book

from stresstest.config import load_run
from stresstest.config.built_in_limits import BUILT_INS
from stresstest.errors import ExitCode, StressTestError
from stresstest.results.documents import read_document
from stresstest.results.history import file_name
from stresstest.results.identity import Identity
from stresstest.results.limit_history import limit_history, over_time
from stresstest.results.store import polars_schema
from stresstest.results.summary import Summary
from stresstest.runs import pipeline
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan
from stresstest.tables import LIMIT_HISTORY, LIMITS

pytestmark = pytest.mark.usefixtures("made_once")

# Accounts of 1, 2 and 3 contracts at 100 dollars with 10 dollars a contract: `crash` takes 50 a contract, so equity is -40 a contract, the
# maintenance margin 5 % of 50, the shortfall 42.50, the loss over the initial margin of 10 is 40. `dip` takes 5, which is a margin call.
BY_HAND: dict[str, tuple[float, str | None]] = {
    "cover_1_to_resources": (120 / 250, "crash"),
    "cover_2_to_resources": (200 / 250, "crash"),
    "account_shortfall": (3 * 42.5, "a000003"),
    "account_loss": (3 * 40.0, "a000003"),
    "owner_shortfall": (3 * 42.5, "a000003"),
    "owner_loss": (3 * 40.0, "a000003"),
    "book_shortfall": (6 * 42.5, "crash"),
    "accounts_in_default": (3, "crash"),
    "accounts_below_maintenance": (3, "crash"),
    "accounts_newly_breached": (3, "crash"),
    "owners_in_default": (3, "crash"),
    "account_leverage": (10, "a000001"),
    "book_leverage": (10, None),
    "concentration_herfindahl": ((1 + 4 + 9) / 36, "BTC"),
    "open_interest_top_share": (1, "BTC"),
    "unpaid_funding": (6 * 40, "crash"),  # 50 a contract to pay, 10 in the account, nothing to sell
    "unpaid_funding_share": (1, "crash"),
    "unshocked_notional": (0, "crash"),
    "failed_checks": (0, None),
    "warned_checks": (0, None),
    "excluded_accounts": (0, None),
}


def written(name: str, built_in: str | None = None, **given: Any) -> dict[str, Any]:
    return {"name": name, "amber": 0.5, "red": 1, **({"built_in": built_in} if built_in else {}), **given}


STANDING = [
    *(written(name, name) for name in BY_HAND),
    written("days_to_liquidate", "days_to_liquidate"),
    written("owner_days_to_liquidate", "owner_days_to_liquidate"),
    written("largest", "open_interest_top_share", top=1),
    written("fund", "cover_2_to_resources", basis="uncollateralised_loss", amber=0.7, red=0.9),
    written("equity", sql="SELECT account_id, equity FROM account_summary", amber=15, red=5, unit="money"),
]


@pytest.fixture(scope="module")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = write_plain_book(tmp_path_factory.mktemp("limits") / "book", 3)
    (file.parent / "snapshot" / "snapshot.json").unlink()
    file.write_text(file.read_text() + 'as_of: "2026-11-19T16:00:00Z"\nreporting_currency: USD\nbook: plain\nresources: {insurance_fund: 250}\n')
    return file


@pytest.fixture(scope="module")
def two_days(made_once: None, run_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of a book, a day apart, with a history; on the first day the book has one limit less, and `fund` is green."""
    del made_once
    folder = tmp_path_factory.mktemp("two days")
    before = [each | ({"amber": 2, "red": 3} if each["name"] == "fund" else {}) for each in STANDING[:-1]]
    for day, limits in (("18", before), ("19", STANDING)):
        overrides = {"limits": limits, "history": str(folder / "history"), "as_of": f"2026-11-{day}T16:00:00Z"}
        execute(plan(load_run(run_file, overrides), folder / day))
    return folder


def test_every_built_in_is_what_one_finds_by_hand(two_days: Path):
    of_a_cascade = {name for name in BUILT_INS if name.startswith("cascade_")}
    assert {limit.get("built_in") for limit in STANDING} - {None} == BUILT_INS.keys() - of_a_cascade
    found = pl.read_parquet(two_days / "19" / "limits.parquet")
    rows = {name: (value, subject) for name, value, subject in found.select("name", "value", "subject").iter_rows()}
    assert {name: rows[name] for name in BY_HAND} == {name: (pytest.approx(value, abs=1e-9), subject) for name, (value, subject) in BY_HAND.items()}
    assert rows["largest"] == (pytest.approx(3 / 6), "BTC")
    assert rows["fund"] == (pytest.approx(0.8), "crash")
    assert rows["equity"] == (pytest.approx(10.0), "a000001")
    assert found["place"].to_list() == list(range(1, len(STANDING) + 1))


def test_they_enter_light_summary_and_result(two_days: Path):
    summary = read_document(Summary, two_days / "19" / "summary.json")
    assert (summary.limits.green, summary.limits.amber, summary.limits.red, summary.limits.unknown) == (7, 5, 12, 2)
    assert summary.limits.breached[0].name == "account_shortfall"
    assert [each.name for each in summary.limits.breached if each.status == "amber"] == [
        "cover_2_to_resources", "open_interest_top_share", "unpaid_funding_share", "fund", "equity",
    ]  # fmt: skip
    unknown = {each.name: each.reason for each in summary.limits.breached if each.status == "unknown"}
    assert unknown == dict.fromkeys(("days_to_liquidate", "owner_days_to_liquidate"), "no position is in an underlying with a known volume")
    assert "12 limits are red: account_shortfall, account_loss, owner_shortfall and 9 more" in summary.status.reasons
    before, after = (read_document(Identity, two_days / day / "result.json") for day in ("18", "19"))
    assert len(before.specification["limits"]) == len(after.specification["limits"]) - 1
    assert after.tables["limits"] != before.tables["limits"]


def test_the_run_before_and_days_in_breach(two_days: Path):
    assert not pl.read_parquet(two_days / "18" / "limit_history.parquet")["previous_status"].is_not_null().any()
    found = {row["name"]: row for row in pl.read_parquet(two_days / "19" / "limit_history.parquet").iter_rows(named=True)}
    moments = {day: datetime(2026, 11, day, 16, tzinfo=UTC) for day in (18, 19)}
    keys = ("previous_status", "previous_value", "in_breach_since", "days_in_breach", "red_since", "days_red")
    assert [found["account_loss"][key] for key in keys] == ["red", pytest.approx(120.0), moments[18], 2, moments[18], 2]
    assert [found["fund"][key] for key in keys] == ["green", pytest.approx(0.8), moments[19], 1, None, 0]
    assert [found["equity"][key] for key in keys] == [None, None, moments[19], 1, None, 0]
    assert [found["failed_checks"][key] for key in keys] == ["green", 0.0, None, 0, None, 0]
    assert found["equity"]["previous_as_of"] is None


def limit_rows(**statuses: str) -> pl.DataFrame:
    blank = {column.name: None for column in LIMITS.columns}
    rows = [blank | {"place": place, "name": name, "status": status} for place, (name, status) in enumerate(statuses.items(), start=1)]
    return pl.DataFrame(rows, schema=polars_schema(LIMITS))


def test_days_are_counted_back_to_the_last_green_run():
    """a: amber since the 14th at nine, red since the 16th, of which two runs were made; b: green; c: new; d: not there for a day."""
    days = [(17, 9), (16, 18), (16, 9), (14, 18), (14, 9), (13, 9), (12, 9)]
    of_a = ["red", "red", "red", "unknown", "amber", "green", "red"]
    of_d = ["red", "red", None, "red", "red", "red", "red"]
    read = []

    def earlier():
        for (day, hour), a, d in zip(days, of_a, of_d, strict=True):
            read.append(day)
            limits = {"a": {"status": a, "value": 1.0}, "b": {"status": "red", "value": 2.0}} | (
                {} if d is None else {"d": {"status": d, "value": 3.0}}
            )
            yield datetime(2026, 11, day, hour, tzinfo=UTC), limits

    found = over_time(limit_rows(a="red", b="green", c="amber", d="red"), datetime(2026, 11, 18, 9, tzinfo=UTC), earlier())
    assert found.columns == list(LIMIT_HISTORY.names)
    told = [(row["in_breach_since"], row["days_in_breach"], row["red_since"], row["days_red"]) for row in found.iter_rows(named=True)]
    moment = {(day, hour): datetime(2026, 11, day, hour, tzinfo=UTC) for day, hour in [*days, (18, 9)]}
    assert told == [
        (moment[14, 9], 4, moment[16, 9], 3),  # 18, 17, 16 and 14; red on 18, 17 and 16
        (None, 0, None, 0),
        (moment[18, 9], 1, None, 0),
        (moment[16, 18], 3, moment[16, 18], 3),
    ]
    assert found["previous_status"].to_list() == ["red", "red", None, "red"]
    assert read[-1] == 13  # no further than to the run in which all were green


def test_runs_of_the_book_count_and_files_that_cannot_be_read_are_told(tmp_path: Path):
    """Of the 18th the later run counts; that of the 17th is damaged and passed over; other books, currencies and years do not count."""
    own = {"book": "b", "reporting_currency": "USD", "as_of": datetime(2026, 11, 19, tzinfo=UTC), "specification": "s"}
    runs: list[dict[str, Any]] = []
    for number, (day, hour, status, other) in enumerate(
        [
            (datetime(2026, 11, 18, tzinfo=UTC), 1, "green", {}),
            (datetime(2026, 11, 18, tzinfo=UTC), 2, "red", {}),
            (datetime(2026, 11, 18, tzinfo=UTC), 3, "green", {"book": "c"}),
            (datetime(2026, 11, 18, tzinfo=UTC), 4, "green", {"reporting_currency": "EUR"}),
            (datetime(2026, 11, 17, tzinfo=UTC), 5, "damaged", {}),
            (datetime(2026, 11, 16, tzinfo=UTC), 6, "amber", {}),
            (datetime(2025, 11, 18, tzinfo=UTC), 7, "amber", {}),
        ]
    ):
        run = own | {"as_of": day, "finished": datetime(2026, 11, 20, hour, tzinfo=UTC), "result_id": f"{number}" * 64} | other
        runs.append(run)
        file = tmp_path / "limits" / file_name(run["as_of"], run["result_id"], run["finished"])
        file.parent.mkdir(exist_ok=True)
        if status == "damaged":
            file.write_bytes(b"PAR1")
        else:
            limit_rows(a=status).write_parquet(file)
    warned: list[str] = []
    row = limit_history(limit_rows(a="red"), pl.DataFrame(runs), own, tmp_path, warned.append).row(0, named=True)
    assert (row["previous_status"], row["in_breach_since"], row["days_in_breach"]) == ("red", datetime(2026, 11, 16, tzinfo=UTC), 3)
    assert (row["red_since"], row["days_red"]) == (datetime(2026, 11, 18, tzinfo=UTC), 2)
    (text,) = warned
    assert "2026-11-17" in text
    assert "left out" in text


def test_what_cannot_be_run_is_refused_before_anything_is_computed(run_file: Path, tmp_path: Path):
    text = run_file.read_text() + (
        "limits:\n"
        "  - {name: fine, built_in: failed_checks, red: 0}\n"
        "  - name: typing error\n"
        "    red: 1\n"
        '    sql: "SELECT max(equty) FROM account_summary"\n'
        "  - {name: a file, sql: \"SELECT count(*) FROM read_csv('x')\", red: 1}\n"
        '  - {name: not asked for, sql: "SELECT count(*) FROM isolation", red: 1}\n'
    )
    file = run_file.parent / "refused.yaml"
    file.write_text(text)
    with pytest.raises(StressTestError) as caught:
        plan(load_run(file), tmp_path / "out")
    assert caught.value.exit_code is ExitCode.CONFIGURATION
    first = len(run_file.read_text().splitlines()) + 1
    assert [(fault.line, fault.path) for fault in caught.value.faults] == [
        (first + 4, "limits[1].sql"),
        (first + 5, "limits[2].sql"),
        (first + 6, "limits[3].sql"),
    ]
    assert [fault.what.split(": ")[0] for fault in caught.value.faults] == [
        "limit 'typing error' cannot be prepared",
        "limit 'a file' calls read_csv",
        "limit 'not asked for' reads isolation, which this run does not make",
    ]
    assert (
        str(plan(load_run(file, {"limits": STANDING}), tmp_path / "out")).count(f"limits      {len(STANDING)}, 1 of them by SQL of the run file") == 1
    )


def test_tables_of_reports_are_made_for_limits_about_them(run_file: Path, tmp_path: Path):
    asked = written("deposits", sql="SELECT count(*) FROM collateral_summary")
    quiet = plan(load_run(run_file, {"limits": [STANDING[0]]}), tmp_path / "out")
    assert pipeline.wants_report_tables(plan(load_run(run_file, {"limits": [asked]}), tmp_path / "out"), 10**6)
    assert not pipeline.wants_report_tables(quiet, 10**6)
    assert pipeline.wants_report_tables(quiet, 10)
    cash = [written("cash", "unpaid_funding")]
    assert pipeline.wants_report_tables(plan(load_run(run_file, {"limits": cash}), tmp_path / "out"), 10**6)
    assert not pipeline.wants_report_tables(plan(load_run(run_file, {"limits": cash, "funding": True}), tmp_path / "out"), 10**6)
    with pytest.raises(StressTestError, match="limit 'cash' reads funding_summary, which this run does not make"):
        plan(load_run(run_file, {"limits": cash, "funding": False}), tmp_path / "out")
