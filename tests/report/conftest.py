"""Finished runs to report on."""

from __future__ import annotations

from pathlib import Path

import pytest
from generated import finished_runs
from generated.finished_runs import HOSTILE, generated_run

from stresstest.report.facts import facts
from stresstest.report.html import render_html
from stresstest.report.view import ReportFacts


@pytest.fixture(scope="session")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 120 accounts with shortfalls."""
    return generated_run(tmp_path_factory.mktemp("venue") / "run", accounts=120)


@pytest.fixture(scope="session")
def venue_facts(venue: Path) -> ReportFacts:
    return facts(venue, finished_runs.AUDIT)


@pytest.fixture(scope="session")
def venue_html(venue_facts: ReportFacts) -> str:
    return render_html(venue_facts)


@pytest.fixture(scope="session")
def hostile_facts(tmp_path_factory: pytest.TempPathFactory) -> ReportFacts:
    """A run whose names attack the page."""
    folder = generated_run(
        tmp_path_factory.mktemp("hostile") / "run", accounts=400, names=lambda row: HOSTILE[row % len(HOSTILE)], excluded=3, limits=True
    )
    return facts(folder, finished_runs.AUDIT)
