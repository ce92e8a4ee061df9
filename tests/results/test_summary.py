from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from results.tables_for_tests import account_summary, quality, scenario_summary

from stresstest.errors import ExitCode, StressTestError
from stresstest.results.documents import read_document, write_document
from stresstest.results.summary import Counts, RunFacts, Summary, summarise, worst_first

FACTS = RunFacts(name="house set", snapshot_label="2026-11-19", as_of="2026-11-19T16:00:00+00:00", reporting_currency="USD")
COUNTS = Counts(owners=2, pools=3, positions=5, lots=6, instruments=4, assets=2, excluded_accounts=0, incomplete_owners=0)
MILD = {"scenario_id": "mild", "margin_shortfall": 10.0, "pnl": -50.0}
HARD = {
    "scenario_id": "hard",
    "margin_shortfall": 10.0,
    "pnl": -80.0,
    "cover_1_stress_loss_over_margin": 7.0,
    "cover_2_stress_loss_over_margin": 9.0,
    "cover_owner_1_stress_loss_over_margin": "ann",
    "cover_owner_2_stress_loss_over_margin": "bob",
}
GRID = {"scenario_id": "cell", "headline": False, "margin_shortfall": 99.0}
WORST = {
    "worst_headline_scenario_id": "hard",
    "worst_headline_equity": 1.0,
    "worst_headline_margin_shortfall": 0.0,
    "worst_headline_uncollateralised_loss": 0.0,
}


def account(name: str, status: str, balance: float, margin: float, gross: float = 0.0):
    given = {"worst_headline_status": status, "worst_headline_margin_balance": balance, "worst_headline_maintenance_margin": margin}
    return {"account_id": name, "gross_notional": gross} | WORST | given


LOSSES = pl.DataFrame(
    {
        "scenario_id": ["hard", "hard", "hard", "hard", "mild"],
        "owner_id": ["ann", "bob", "cat", "dan", "eve"],
        "name": ["Ann & Sons", None, "Cat Ltd", "dan", "Eve"],
    }
)


def summary(counts: Counts = COUNTS) -> Summary:
    accounts = account_summary(
        account("fine", "ok", 9.0, 1.0, 0.1),
        account("short", "liquidation", 1.0, 5.0, 0.2),
        account("broke", "default", -1.0, 0.0, 0.3),
        account("called", "call", 3.0, 2.0),
    )
    return summarise("id", FACTS, counts, None, accounts, scenario_summary(MILD, HARD, GRID), quality("pass", "warn"), LOSSES)


def test_the_worst_scenario_is_a_headline_one_and_ties_go_to_the_larger_loss():
    found = summary()
    assert (found.scenarios, found.headline_scenarios) == (4, 2)
    assert found.worst is not None
    assert (found.worst.scenario_id, found.base.scenario_id) == ("hard", "base")


def test_the_largest_shortfall_is_worst_and_ties_go_by_status_then_room():
    rows = [
        account("roomy", "liquidation", 9.0, 1.0) | {"worst_headline_margin_shortfall": 8.0},
        account("tight", "liquidation", 1.0, 9.0) | {"worst_headline_margin_shortfall": 8.0},
        account("small", "default", -1.0, 1.0) | {"worst_headline_margin_shortfall": 2.0},
        account("gone", "default", -1.0, 1.0) | {"worst_headline_margin_shortfall": 8.0},
        {"account_id": "calm"},
    ]
    assert worst_first(account_summary(*rows))["account_id"].to_list() == ["gone", "tight", "roomy", "small", "calm"]


def test_worst_accounts_are_those_not_ok():
    assert [(each.account_id, each.status) for each in summary().worst_accounts] == [
        ("broke", "default"),
        ("short", "liquidation"),
        ("called", "call"),
    ]


def test_cover_names_scenario_and_owners():
    cover = summary().cover
    assert cover["stress_loss_over_margin"].cover_1.model_dump() == {"amount": 7.0, "scenario_id": "hard", "owners": ("ann",), "lower_bound": False}
    assert cover["stress_loss_over_margin"].cover_2.owners == ("ann", "bob")
    assert cover["uncollateralised_loss"].cover_2.model_dump() == {"amount": 0.0, "scenario_id": None, "owners": (), "lower_bound": False}


def test_owners_of_the_scenarios_that_cover_names_have_their_names():
    assert summary().owner_names == {"ann": "Ann & Sons", "cat": "Cat Ltd"}


def test_excluded_accounts_make_cover_a_lower_bound():
    counts = Counts(owners=2, pools=3, positions=5, lots=6, instruments=4, assets=2, excluded_accounts=1, incomplete_owners=1)
    found = summary(counts)
    assert found.cover["stress_loss_over_margin"].cover_1.lower_bound
    assert found.status.light == "amber"


def test_counts_and_checks():
    found = summary()
    assert found.counts.accounts == 4
    assert found.counts.gross_notional == pytest.approx(0.6)
    assert found.checks == {"pass": 1, "warn": 1, "fail": 0}


def test_no_headline_scenario_has_no_worst():
    found = summarise("id", FACTS, COUNTS, None, account_summary({"account_id": "a"}), scenario_summary(GRID), quality(), LOSSES)
    assert found.owner_names == {}
    assert (found.worst, found.worst_accounts, found.status.light) == (None, (), "amber")


def test_a_summary_comes_back_from_its_file(tmp_path: Path):
    path = write_document(summary(), tmp_path / "summary.json")
    assert read_document(Summary, path) == summary()
    assert path.read_bytes().endswith(b"}\n")


@pytest.mark.parametrize(("content", "words"), [(None, "there is no such file"), ("{", "Invalid JSON"), ('{"schema_version": 2}', "schema_version")])
def test_an_unreadable_document_is_refused_with_its_name(tmp_path: Path, content: str | None, words: str):
    path = tmp_path / "summary.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(StressTestError) as caught:
        read_document(Summary, path)
    assert caught.value.exit_code == ExitCode.INPUT_REFUSED
    assert words in caught.value.faults[0].what
    assert caught.value.faults[0].file == str(path)
