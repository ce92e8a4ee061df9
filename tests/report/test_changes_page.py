"""The page of what changed: wording, tables, charts, and what it says where there is nothing to say."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from stresstest.report.changes import PRINTED, changes_page, since
from stresstest.report.difference import difference_html
from stresstest.results.changes import FIGURES, STEPS, BreachCounts, Changes, ComparedRun, Known, Outcome, PresenceCounts, split, steps_of
from stresstest.results.store import conform, polars_schema
from stresstest.tables import CHANGED_ACCOUNTS

HOSTILE = "</script><b>x</b>\N{RIGHT-TO-LEFT OVERRIDE}"


def run(as_of: str, name: str = "Book") -> ComparedRun:
    return ComparedRun(
        result_id=as_of[8:10] * 32, name=name, as_of=as_of, code_version="0.1.0", worst_scenario="crash", accounts=5, excluded_accounts=0
    )


def figures(cover: float, shortfall: float) -> dict[str, float | None]:
    own = {"cover_2_stress_loss_over_margin": cover, "worst_margin_shortfall": shortfall}
    return {name: own.get(name, 0.0) for name, _ in FIGURES}


def changes(outcomes: list[Outcome], reached: dict[str, float | None], **more: Any) -> Changes:
    plain: dict[str, Any] = {
        "before": run("2026-11-12T21:00:00+00:00"),
        "after": run("2026-11-13T21:00:00+00:00"),
        "reporting_currency": "USD",
        "computed_again": True,
        "notes": (),
        "steps": steps_of(outcomes),
        "figures": split(figures(50e6, 4e6), outcomes, reached),
        "breaches": BreachCounts(before=3, after=4, new=2, cured=1, worse=1, better=0, unchanged=1, not_known=0),
        "presence": PresenceCounts(came=0, gone=0, excluded=0, back=0),
    }
    return Changes(**{**plain, **more})


def measured(*steps: tuple[str, Known, dict[str, float | None] | None]) -> list[Outcome]:
    found = {step: Outcome(step, known, level, "told") for step, known, level in steps}
    return [found.get(step, Outcome(step, "unchanged")) for step in STEPS]


BOTH = measured(("positions", "measured", figures(49.8e6, 4e6)), ("market", "measured", figures(47e6, 5e6)))
EMPTY = pl.DataFrame(schema=polars_schema(CHANGED_ACCOUNTS))


def test_the_summary_names_what_moved_a_figure_most():
    text = changes_page(changes(BOTH, figures(47e6, 5e6)), EMPTY, {}).summary
    assert text == (
        "Cover-2 fell by USD 3.0m to 47.0m, most by market (\N{MINUS SIGN}2.8m); the worst margin shortfall rose by USD 1.0m to 5.0m, "
        "all of it by market. 2 breaches new, 1 cured, 1 worse, 0 better."
    )
    assert since(changes(BOTH, figures(47e6, 5e6))) == f"Since 2026-11-12 21:00 UTC: {text}"


def test_a_figure_that_did_not_move_says_so():
    page = changes_page(changes(measured(), figures(50e6, 4e6)), EMPTY, {})
    assert page.summary.startswith("Cover-2 is unchanged at USD 50.0m; the worst margin shortfall is unchanged at USD 4.0m.")
    assert [each.steps for each in page.waterfalls] == [(), ()]


def test_the_waterfall_goes_from_zero_to_the_change():
    drawn = changes_page(changes(BOTH, figures(47e6, 5e6)), EMPTY, {}).waterfalls[0]
    assert (drawn.caption, drawn.scope) == ("Cover-2, stress loss over margin", "from USD 50.0m to 47.0m")
    assert [(step.label, round(step.amount), step.total) for step in drawn.steps] == [
        ("Positions", -200_000, False), ("Market", -2_800_000, False), ("Change", -3_000_000, True),
    ]  # fmt: skip


def test_what_is_not_split_is_a_step_of_its_own():
    outcomes = measured(("positions", "not known", None), ("market", "not known", None))
    page = changes_page(changes(outcomes, figures(47e6, 5e6), computed_again=False, notes=("No snapshot.",)), EMPTY, {})
    assert [(step.label, round(step.amount)) for step in page.waterfalls[0].steps] == [("Not split", -3_000_000), ("Change", -3_000_000)]
    assert page.summary.startswith("Cover-2 fell by USD 3.0m to 47.0m; ")
    assert page.notes[:2] == ("No snapshot.", "A step whose inputs are the same is exactly 0. A dash: not known.")
    row = next(row for row in page.tables[0].rows if row.cells[0].text.startswith("Cover-2, stress"))
    assert [cell.text for cell in row.cells[1:]] == ["50,000", "0", "\N{EM DASH}", "0", "\N{EM DASH}", "0", "0", "0", "47,000", "\N{MINUS SIGN}3,000"]


def test_a_step_that_is_in_the_next_has_an_arrow():
    outcomes = measured(("reference data", "with the next", None), ("margin parameters", "measured", figures(50e6, 5e6)))
    page = changes_page(changes(outcomes, figures(50e6, 5e6)), EMPTY, {})
    row = next(row for row in page.tables[0].rows if row.cells[0].text == "Worst margin shortfall")
    assert [cell.text for cell in row.cells[1:]] == ["4,000", "0", "0", "0", "0", "\N{RIGHTWARDS ARROW}", "0", "+1,000", "5,000", "+1,000"]
    assert "An arrow: these inputs cannot be exchanged by themselves" in page.notes[0]
    assert page.notes[1:] == ("Reference data: told.", "Margin parameters: told.")


def test_counts_carry_no_unit_and_a_rest_is_a_column():
    outcomes = [*BOTH, Outcome("rest", "measured", figures(47e6, 5e6), "other code")]
    amounts, counts = changes_page(changes(outcomes, figures(47e6, 5e6)), EMPTY, {}).tables
    assert [column.label for column in amounts.columns][-3:] == ["Rest", "After", "Change"]
    assert {column.unit for column in amounts.columns[1:]} == {"USD k"}
    assert {column.unit for column in counts.columns} == {""}
    assert len(amounts.rows) + len(counts.rows) == len(FIGURES)


def accounts(*rows: tuple[str, str, str, float | None, float | None]) -> pl.DataFrame:
    records = [
        {
            "owner_id": "o", "account_id": name, "name": name, "presence": presence, "breach": breach, "scenario_id_before": "crash",
            "scenario_id_after": "crash", "status_before": None if before is None else "liquidation",
            "status_after": None if after is None else "default", "margin_shortfall_before": before, "margin_shortfall_after": after,
            "margin_shortfall_change": None if before is None or after is None else after - before,
        }
        for name, presence, breach, before, after in rows
    ]  # fmt: skip
    frame = pl.DataFrame(records).with_columns(uncollateralised_loss_before=None, uncollateralised_loss_after=None)
    return conform(frame, CHANGED_ACCOUNTS)


def test_accounts_are_listed_by_what_became_of_them_the_largest_change_first():
    found = accounts(
        ("small", "both", "new", 0.0, 5.0),
        ("large", "both", "new", 0.0, 9.0),
        ("worse", "both", "worse", 1.0, 99.0),
        ("cured", "both", "cured", 7.0, 0.0),
        ("left", "gone", "cured", 8.0, None),
        ("joined", "came", "none", None, 0.0),
    )
    worsened, improved, moved = changes_page(changes(BOTH, figures(47e6, 5e6)), found, {"crash": "Half gone"}).accounts
    assert [(row.cells[0].text, row.cells[1].text) for row in worsened.rows] == [("New", "large"), ("New", "small"), ("Worse", "worse")]
    assert worsened.rows[0].cells[5].text == "Half gone"
    assert [(row.cells[0].text, row.cells[1].text) for row in improved.rows] == [("Cured, gone", "left"), ("Cured", "cured")]
    assert [(row.cells[0].text, row.cells[1].text) for row in moved.rows] == [("Came", "joined"), ("Gone", "left")]


def test_paper_has_some_of_each_kind_and_says_so():
    many = [(f"n{number:03}", "both", "new", 0.0, float(number)) for number in range(1, 121)]
    found = accounts(*many, ("w", "both", "worse", 1.0, 2.0))
    table = changes_page(changes(BOTH, figures(47e6, 5e6)), found, {}).accounts[0]
    assert len(table.rows) == 101
    printed = [row.cells[1].text for row in table.rows if row.printed]
    assert printed == [*(f"n{number:03}" for number in range(120, 120 - PRINTED, -1)), "w"]
    assert table.notes[0] == "Of each kind the largest changes come first."
    assert table.notes[1] == "The 101 first of 121 accounts are listed; all are in the table changed_accounts of the run."


def test_an_empty_page_says_what_was_looked_at():
    first = changes([], figures(1.0, 1.0), before=None, figures=(), breaches=None, presence=None, notes=("No earlier run.",))
    page = changes_page(first, EMPTY, {})
    assert (page.title, page.empty, page.tables) == ("Changes since the last run", "No earlier run.", ())
    assert since(first) == ""
    quiet = changes_page(changes(BOTH, figures(47e6, 5e6)), EMPTY, {}).accounts
    assert [each.empty for each in quiet] == [
        "Nothing to report: 3 accounts breached before and 4 after, none of them new or worse.",
        "Nothing to report: 3 accounts breached before and 4 after, none of them cured or better.",
        "Nothing to report: the 5 accounts of the earlier run are those of this one.",
    ]


@pytest.mark.parametrize("name", [HOSTILE, ""])
def test_the_document_loads_nothing_and_escapes_names(name: str):
    found = accounts((name or "a", "both", "new", 0.0, 5.0))
    told = changes(BOTH, figures(47e6, 5e6), after=run("2026-11-13T21:00:00+00:00", name), notes=(name,))
    text = difference_html(told, found, {"crash": name})
    assert text == difference_html(told, found, {"crash": name})
    assert "<b>x</b>" not in text
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in text
    assert "http" not in text.replace("http-equiv", "")
    assert text.count("<svg role=") == 2
    assert "Changes since 2026-11-12 21:00 UTC" in text
