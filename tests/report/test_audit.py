"""The audit page: everything to repeat the run, no path and no user name."""

from __future__ import annotations

import pytest
from generated.finished_runs import AUDIT

from stresstest.report.audit import audit_view, printable_command, without_path
from stresstest.report.view import ReportFacts
from stresstest.results.identity import Identity


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("run.yaml", "run.yaml"),
        ("/home/jo/run.yaml", "run.yaml"),
        ("--out=/home/jo/out", "--out=out"),
        ("~/runs/", "runs"),
        ("C:\\Users\\jo\\run.yaml", "run.yaml"),
        ("s3://bucket/day/run.yaml?token=secret", "run.yaml"),
        ("snapshot=/home/jo/day", "snapshot=day"),
        ("resources.default_fund=3e6", "resources.default_fund=3e6"),
        ("--as-of=2026-11-19T16:00:00Z", "--as-of=2026-11-19T16:00:00Z"),
        ("/", "."),
    ],
)
def test_paths_are_reduced_to_their_last_part(token: str, shown: str) -> None:
    assert without_path(token) == shown


def test_command_as_words_or_as_text() -> None:
    assert printable_command(AUDIT["command"]) == "stresstest run run.yaml --out today --set resources.default_fund=3e6"
    assert printable_command("stresstest run '/home/jo doe/my run.yaml' --json") == "stresstest run 'my run.yaml' --json"
    assert printable_command("unclosed 'quote /home/jo/x") == "unclosed ''\"'\"'quote' x"
    assert printable_command(None) == "—"


def test_inputs_with_hashes_and_versions(venue_facts: ReportFacts) -> None:
    audit = venue_facts.audit
    assert [row.cells[1].text for row in audit.inputs.rows] == ["accounts", "assets", "collateral", "instruments", "owners", "positions"]
    assert [cell.text for cell in audit.inputs.rows[5].cells] == ["6", "positions", "25,117", "602,808", AUDIT["inputs"][5]["sha256"]]
    assert ("polars", "2.1.0") in audit.versions
    assert {fact.label: fact.text for fact in audit.details}["Seed"] == "none: nothing is drawn at random"
    assert "scenario_summary" in [row.cells[0].text for row in audit.tables.rows]
    assert audit.result_id.startswith(venue_facts.short_id)


def test_no_path_and_no_user_anywhere(venue_html: str) -> None:
    assert "/home" not in venue_html
    assert "jo/" not in venue_html


def test_the_run_before_is_noted_with_the_hash_of_its_manifest() -> None:
    identity = Identity(result_id="a" * 64, specification={}, inputs={}, code_version="1", code="c", tables={})
    noted = {"result_id": "b" * 64, "as_of": "2026-11-18T16:00:00+00:00", "folder": "../18", "manifest_sha256": "d" * 64}
    facts = {fact.label: fact.text for fact in audit_view(identity, "", {"previous": noted}).details}
    assert facts["Previous run"] == f"as of 2026-11-18 16:00 UTC, result {'b' * 64}, its manifest SHA-256 {'d' * 64}"
    assert "Previous run" not in {fact.label for fact in audit_view(identity, "", {"previous": None}).details}
