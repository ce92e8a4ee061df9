"""The page of weighted scenarios: its words, the histogram, who is listed, and what an empty page says."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stresstest.report.charts.histogram import histogram_chart, nice_step
from stresstest.report.draws import draws_page, histogram
from stresstest.report.html import render_html
from stresstest.report.view import DrawsPage, ReportFacts
from stresstest.results.draws import draw_figures
from stresstest.results.store import empty
from stresstest.stress.weighted.draws import draw_statistics
from stresstest.stress.weighted.families import Stated, weighted_families
from stresstest.tables import ACCOUNT_PROBABILITIES, OWNER_DISTRIBUTION, Table

Row = dict[str, Any]


def frame(table: Table, rows: list[Row]) -> pl.DataFrame:
    """Rows of a table; what they do not state is zero, or empty text."""
    blank = {column.name: "" if column.type == "string" else 0.0 for column in table.columns}
    return pl.DataFrame([blank | row for row in rows], schema=empty(table).schema)


def scenarios(losses: list[float], family: str = "mc", weight: float = 0.01) -> list[Row]:
    about = {"family": "hypothetical", "horizon_days": 1.0, "weight": weight, "margin_shortfall": 0.0, "uncollateralised_loss": 0.0}
    return [about | {"scenario_id": f"{family}.{place}", "pnl": -loss, "owners_in_default": loss > 95} for place, loss in enumerate(losses)]


def page(rows: list[Row], accounts: list[Row] | None = None, owners: list[Row] | None = None) -> DrawsPage | None:
    base = {"scenario_id": "base", "family": "base", "horizon_days": 0.0, "weight": None, "pnl": 0.0, "owners_in_default": 0}
    summary = [base | {"margin_shortfall": 0.0, "uncollateralised_loss": 0.0}, *rows]
    families = weighted_families(Stated(row["scenario_id"], row["family"], row["horizon_days"], row["weight"]) for row in summary)
    totals = pl.DataFrame(summary, infer_schema_length=None)
    tables = {
        "draw_statistics": draw_statistics(families, totals),
        "account_probabilities": frame(ACCOUNT_PROBABILITIES, accounts or []),
        "owner_distribution": frame(OWNER_DISTRIBUTION, owners or []),
    }
    figures = draw_figures(tables["draw_statistics"], tables["account_probabilities"])
    return draws_page(tables, figures, summary, {"a-1": "Alpha", "a-2": None}, "USD", 40)


HUNDRED = [float(loss) for loss in range(1, 101)]
ACCOUNTS: list[Row] = [
    {"family": "mc", "horizon_days": 1.0, "owner_id": "o", "account_id": name, "base_status": status, "p_liquidation": p, "p_default": d}
    | {"survival_probability": 1 - p, "p_liquidation_standard_error": 0.01, "margin_shortfall": 2.0}
    for name, status, p, d in (("a-0", "liquidation", 1.0, 0.5), ("a-1", "ok", 0.3, 0.0), ("a-2", "call", 0.2, 0.125), ("a-3", "ok", 0.0, 0.0))
]


def test_what_the_page_says() -> None:
    """Losses 1 to 100, equally probable: the worst 2.5 % are 100, 99 and half of 98, on average 99.2; an owner defaults in five of a hundred."""
    found = page(scenarios(HUNDRED), ACCOUNTS)
    assert found is not None
    text = found.summary.replace("\N{NO-BREAK SPACE}", " ")
    assert text.startswith("mc: 100 scenarios over 1 day. In the worst 2.5 % of them, by probability, the book loses USD 99 on average (± ")
    assert "; over all of them it loses 51. The probability that an owner is in default is 5.0 % (± 2.2 %)." in text
    assert (
        "2 of 40 accounts, sound at base, are in liquidation or default in some of them; the most likely to default, a-2, with a probability of "
        in text
    )
    assert "12.5 %, and of 20.0 % to be liquidated or worse. The worst 2.5 % are no more than 3 scenarios: what is said of them is rough." in text
    assert "add up" not in text
    assert [row.cells[1].text for row in found.accounts.rows] == ["a-2", "Alpha"]
    assert [row.cells[4].text for row in found.accounts.rows] == ["12.5", "0"]
    assert "left out (1)" in " ".join(found.accounts.notes)
    bars = {pair.name: (pair.narrow, pair.wide) for pair in found.charts[0].accounts.pairs}
    assert (bars["10 % to below 25 %"], bars["25 % to below 50 %"], bars["50 % and above"]) == ((1.0, 1.0), (0.0, 1.0), (0.0, 0.0))


def test_a_book_that_gains_on_average() -> None:
    found = page(scenarios([-each for each in HUNDRED]), ACCOUNTS)
    assert found is not None
    assert "; over all of them it gains 51. The" in found.summary


def test_weights_that_do_not_add_up_to_one_are_told() -> None:
    found = page(scenarios([1.0, 2.0], weight=1.0))
    assert found is not None
    assert found.summary.endswith("The weights add up to 2, not to 1; probabilities are weights over that.")
    # Of a tail of one scenario there is no standard error.
    assert [cell.below for cell in found.book.rows[0].cells[-4:]] == ["", "", "", ""]


def test_several_families_the_largest_first() -> None:
    """Each has its rows, and accounts of the largest come first whatever their probability."""
    others = [{**row, "family": "grid", "p_default": 0.9, "p_liquidation": 0.9} for row in ACCOUNTS[1:2]]
    found = page([*scenarios([1.0, 5.0], "grid", 1.0), *scenarios(HUNDRED)], [*ACCOUNTS, *others])
    assert found is not None
    assert found.summary.startswith("mc: 100 scenarios")
    assert found.summary.endswith("Also weighted, and in the tables below: grid, 2 scenarios over 1 day.")
    assert [row.cells[0].text for row in found.book.rows] == ["mc"] * 3 + ["grid"] * 3
    assert [(row.cells[1].text, row.cells[3].text) for row in found.accounts.rows] == [("a-2", "mc"), ("Alpha", "mc"), ("Alpha", "grid")]
    assert [each.loss_chart for each in found.charts] == ["draws_loss_0", "draws_loss_1"]


def test_owners_side_by_side_in_both_figures() -> None:
    tail = "expected_shortfall_97_5"
    rows = [
        {"family": "mc", "horizon_days": 1.0, "owner_id": owner, "figure": figure, "mean": mean, tail: worst, "maximum": worst}
        for owner, figure, mean, worst in (
            ("o-1", "uncollateralised_loss", 1.0, 7.0),
            ("o-1", "margin_shortfall", 2.0, 9.0),
            ("o-2", "uncollateralised_loss", 0.25, 8.0),
            ("o-2", "margin_shortfall", 0.25, 8.5),
        )
    ]
    found = page(scenarios(HUNDRED), [], rows)
    assert found is not None
    assert [[cell.text for cell in row.cells] for row in found.owners.rows] == [
        ["1", "o-2", "<1", "0", "8", "8", "<1", "0", "9", "9"],
        ["2", "o-1", "1", "0", "7", "7", "2", "0", "9", "9"],
    ]


def test_where_nothing_fails() -> None:
    found = page(scenarios(HUNDRED))
    assert found is not None
    assert found.accounts.rows == found.owners.rows == ()
    assert "of 40 accounts none that is sound at base is in liquidation or default in any weighted scenario" in found.accounts.empty
    assert "Of 40 accounts none that is sound at base is in liquidation or default in any of them." in found.summary
    assert page([]) is None


def test_a_histogram() -> None:
    """Losses 1 to 100 in steps of five: the first bucket has 1 to 4, the last 100 alone; 98, 99 and 100 are at the value at risk or above."""
    found = histogram(HUNDRED, [0.01] * 100, 98.0, 99.2)
    assert found is not None
    assert [(each.lower, each.upper) for each in (found.buckets[0], found.buckets[-1])] == [(0.0, 5.0), (100.0, 105.0)]
    assert [each.probability for each in found.buckets] == [pytest.approx(0.04), *[pytest.approx(0.05)] * 19, pytest.approx(0.01)]
    assert [each.worst for each in found.buckets[-2:]] == [pytest.approx(0.02), pytest.approx(0.01)]
    assert histogram([5.0, 5.0], [0.5, 0.5], 5.0, 5.0) is None


@settings(deadline=None)
@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=40))
def test_every_loss_is_in_a_bucket(losses: list[float]) -> None:
    found = histogram(losses, [1 / len(losses)] * len(losses), max(losses), max(losses))
    if found is not None:
        assert sum(each.probability for each in found.buckets) == pytest.approx(1.0)
        assert found.buckets[0].lower <= min(losses)
        assert max(losses) <= found.buckets[-1].upper * (1 + 1e-9) + 1e-9
        assert len(found.buckets) <= 40


@pytest.mark.parametrize("losses", [HUNDRED, [-5e8, 3e-5], [1e6, 1e6 + 1, 1e6 + 1]])
def test_every_mark_is_inside_of_the_chart(losses: list[float]) -> None:
    found = histogram(losses, [1 / len(losses)] * len(losses), max(losses), max(losses))
    assert found is not None
    drawn = histogram_chart(found).to_dict(validate=False)["datasets"]
    assert all(0 <= bar["top"] <= bar["cut"] <= bar["bottom"] for bar in drawn["bars"])
    assert all(0 <= row["x"] <= 430 for row in (*drawn["edges"], *drawn["mark_0"], *drawn["mark_1"]))
    assert drawn["bars"][0]["from"] == pytest.approx(0.5)
    assert drawn["bars"][-1]["to"] == pytest.approx(429.5)


def test_steps_are_round() -> None:
    assert [nice_step(value) for value in (1.0, 1.1, 2.2, 2.6, 7.0, 0.012, 99.0)] == [1.0, 2.0, 2.5, 5.0, 10.0, 0.02, 100.0]


def test_the_page_in_the_report(venue_facts: ReportFacts, venue_html: str) -> None:
    text = render_html(dataclasses.replace(venue_facts, draws=page(scenarios(HUNDRED), ACCOUNTS)))
    section = text[text.index('<section id="draws"') :]
    section = section[: section.index("</section>")]
    assert section.count("<svg") == 2
    assert 'href="#draws"' in text
    assert "of the worst 2.5 %" in section
    assert re.search(r"value at risk 97.5 % 98", section)
    assert '<section id="draws"' not in venue_html
