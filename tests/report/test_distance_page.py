"""The page of distances on literal figures, and the lines of the terminal that say the same."""

from __future__ import annotations

import dataclasses
from typing import Any

import polars as pl
import pytest

from stresstest.cli.distance_view import distance_lines
from stresstest.report.distance import PRINTED_ACCOUNTS, distance_page
from stresstest.report.html import render_html
from stresstest.report.parts import TableView
from stresstest.report.view import DistancePage, ReportFacts
from stresstest.results.distance import bands, nearest, notional_by_band
from stresstest.results.store import conform, empty
from stresstest.tables import DISTANCE

MINUS, SPACE = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}"


def row(account: str, factor: str, direction: str, target: str, shift: float | None, gross: float = 1e6, pool: str = "cross") -> dict[str, Any]:
    level = None if shift is None or direction == "along" else 100.0 * (1.0 + shift)
    return {
        "owner_id": account, "account_id": account, "pool_id": pool, "factor": factor, "direction": direction, "target": target, "shift": shift,
        "level": level, "gross_notional": gross,
    }  # fmt: skip


def texts(table: TableView) -> list[list[str]]:
    return [[cell.text for cell in line.cells] for line in table.rows]


@pytest.fixture(scope="module")
def distance() -> pl.DataFrame:
    """a is near in two factors, b in one pool of two, c is in liquidation at base, d is not reached; a scenario reaches a, and not b."""
    rows = []
    for account, pool, factor, direction, gross, shifts in (
        ("a", "cross", "spot:BTC", "down", 2e6, (-0.12, -0.20)), ("a", "cross", "spot:BTC", "up", 2e6, (None, None)),
        ("a", "cross", "spot:ETH", "up", 2e6, (0.08, 0.30)),
        ("b", "ISO", "spot:BTC", "down", 5e6, (-0.10, -0.11)), ("b", "cross", "spot:BTC", "down", 1e6, (-0.60, None)),
        ("c", "cross", "spot:BTC", "down", 3e6, (0.0, -0.04)), ("c", "cross", "spot:BTC", "up", 3e6, (0.0, None)),
        ("d", "cross", "spot:BTC", "down", 4e6, (None, None)),
    ):  # fmt: skip
        rows += [
            row(account, factor, direction, target, shift, gross, pool) for target, shift in zip(("liquidation", "default"), shifts, strict=True)
        ]
    rows += [row(account, "scenario:crash", "along", "liquidation", at) for account, at in (("a", 0.8), ("b", None), ("c", 0.0))]
    return conform(pl.DataFrame(rows, infer_schema_length=None), DISTANCE)


@pytest.fixture(scope="module")
def page(distance: pl.DataFrame) -> DistancePage:
    found = distance_page(distance, {"crash": "The crash"}, "USD")
    assert found is not None
    return found


def test_each_account_is_at_its_nearest(distance: pl.DataFrame):
    found = nearest(distance.filter(pl.col("direction") != "along"), "liquidation")
    assert found.select("account_id", "factor", "shift").rows() == [("c", "spot:BTC", 0.0), ("a", "spot:ETH", 0.08), ("b", "spot:BTC", -0.10)]


def test_bands_end_with_their_upper_edge(distance: pl.DataFrame):
    assert bands(distance["shift"].head(0).to_numpy(), (0.1,)).tolist() == []
    assert bands(pl.Series([0.0, -0.1, 0.1000001, -0.5]).to_numpy(), (0.1, 0.5)).tolist() == [0, 1, 2, 2]
    mine = distance.filter((pl.col("target") == "liquidation") & (pl.col("factor") == "spot:BTC") & (pl.col("direction") == "down"))
    assert notional_by_band(mine, (0.1, 0.5)).tolist() == [3e6, 5e6, 2e6, 1e6]


def test_the_sentence(page: DistancePage):
    assert page.summary == (
        "Each of 2 factors moved alone, up and down, everything else unchanged, for 4 accounts that follow any of them. "
        f"Within 10{SPACE}%, 2 of 4 accounts are liquidated, besides 1 account at base. Within 10{SPACE}%, 1 of 4 accounts is in default. "
        f"The nearest is a: spot:ETH +8.00{SPACE}% liquidates it. "
        f"Most breaks in spot:BTC at {MINUS}5 to {MINUS}10{SPACE}%: positions of USD 5.0m gross."
    )


def test_accounts_by_distance(page: DistancePage):
    bars = {pair.name.replace(SPACE, " "): (pair.narrow, pair.wide) for pair in page.distribution.pairs}
    # default: c 4 %, b 11 %, a 20 %. Liquidation: c at base, a 8 %, b 10 %.
    assert {name: pair for name, pair in bars.items() if pair != (0, 0)} == {
        "at base": (0, 1), "2.5 to 5 %": (1, 0), "5 to 10 %": (0, 2), "10 to 15 %": (1, 0), "15 to 20 %": (1, 0), "not reachable": (1, 1),
    }  # fmt: skip
    assert sum(wide for _, wide in bars.values()) == 4


def test_notional_by_level_of_the_most_crowded_factor(page: DistancePage):
    assert page.crowded == "spot:BTC"
    bars = {pair.name.replace(SPACE, " "): (pair.narrow, pair.wide) for pair in page.by_level.pairs}
    assert next(iter(bars)) == f"{MINUS}30 to {MINUS}50 %"
    assert list(bars)[-1] == "+30 to +50 %"
    reached = {name.replace(MINUS, "-"): pair for name, pair in bars.items() if pair != (0.0, 0.0)}
    assert reached == {"-15 to -20 %": (2e6, 0.0), "-10 to -15 %": (5e6, 2e6), "-5 to -10 %": (0.0, 5e6), "0 to -5 %": (3e6, 0.0)}


def test_tables(page: DistancePage):
    assert [line[:2] for line in texts(page.levels)] == [["spot:BTC", "down"], ["spot:ETH", "up"], ["spot:BTC", "up"], ["spot:ETH", "down"]]
    assert texts(page.levels)[0][2:] == ["3,000", "0", "5,000", "2,000", "0", "0", "0", "1,000"]
    # Without c, which is liquidated at base.
    assert [line[:8] for line in texts(page.accounts)] == [
        ["1", "a", "cross", "spot:ETH", "8.00", "108", "30.00", "130"],
        ["2", "b", "ISO", "spot:BTC", f"{MINUS}10.00", "90", f"{MINUS}11.00", "89"],
    ]
    assert texts(page.scenarios) == [["The crash", "liquidation", "1", "0", "1", "0", "0", "0", "0", "1", "a", "0.8"]]


def test_many_accounts_are_shortened_on_paper():
    many = [row(f"a{number:03}", "spot:BTC", "down", "liquidation", -0.001 * number) for number in range(1, 400)]
    found = distance_page(conform(pl.DataFrame(many), DISTANCE), {}, "USD")
    assert found is not None
    assert len(found.accounts.rows) == 300
    assert sum(line.printed for line in found.accounts.rows) == PRINTED_ACCOUNTS
    assert "300 nearest of 399 accounts" in " ".join(found.accounts.notes)
    # Default was not asked for, and nothing is said of it.
    assert "in default" not in found.summary


def test_nothing_to_report():
    assert distance_page(None, {}, "USD") is None
    found = distance_page(empty(DISTANCE), {}, "USD")
    assert found is not None
    assert found.summary.startswith("Nothing to report: no margin pool follows")
    assert found.levels.rows == ()
    assert distance_lines(empty(DISTANCE)) == ["Distance"]


def test_the_lines_after_a_run(distance: pl.DataFrame):
    assert distance_lines(distance) == [
        "Distance, one factor at a time: 4 accounts",
        "  liquidation  2 accounts within 10%, 1 at base already; nearest a at spot:ETH +8.00%",
        "  default      1 account within 10%, 0 at base already; nearest c at spot:BTC -4.00%",
        "  liquidation  scenario:crash: nearest a at 0.8 times",
    ]


def test_the_page_in_the_report(page: DistancePage, venue_facts: ReportFacts):
    assert 'id="distance"' not in render_html(venue_facts)
    text = render_html(dataclasses.replace(venue_facts, distance=page))
    section = text[text.index('<section id="distance"') :]
    section = section[: section.index("</section>")]
    assert section.count("<svg") == 2
    assert "Nearest to liquidation" in section
    assert "The crash" in section
    nothing = distance_page(empty(DISTANCE), {}, "USD")
    assert nothing is not None
    bare = render_html(dataclasses.replace(venue_facts, distance=nothing))
    assert bare.count("Nothing to report: no margin pool follows") >= 2
