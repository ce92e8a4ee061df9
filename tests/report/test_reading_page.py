"""docs/reading-the-report.md goes through the report as it is: its sections in order, its words, its limits."""

from __future__ import annotations

import re
from pathlib import Path

from stresstest.report.collateral import WRONG_WAY_LEAST, WRONG_WAY_SHARE
from stresstest.report.shocks import NAMED_SHOCKS
from stresstest.stress.account_pages import PAGES

TEXT = (Path(__file__).parents[2] / "docs" / "reading-the-report.md").read_text(encoding="utf-8")


def test_it_has_the_sections_of_the_report_in_order(venue_html: str):
    sections = re.findall(r'<div class="title"><h2><bdi>(.*?)</bdi></h2>', venue_html)
    told = re.findall(r"^### (.*)$", TEXT.partition("## Section by section")[2].partition("\n## ")[0], re.MULTILINE)
    assert len(sections) > 10
    # The run here has no scenario that states a source, sets no limit, weighs, compares and attributes nothing and knows no earlier run.
    missing = {"Limits", "Changes since the last run", "Sources of the scenarios", "Margin rules compared", "Cross margin and isolated", "Trend"}
    missing |= {"Why it changed: attribution", "Distance to liquidation and default", "Weighted scenarios"}
    missing |= {"Liquidation cascade", "Contagion", "Who pays: the default waterfall"}
    assert [title for title in told if title not in missing] == sections


def test_words_that_it_quotes_stand_in_the_report(venue_html: str):
    quoted = ["What drives the worst scenario", "Not shocked", "Newly below", "Largest shocks", "Accounts below maintenance", "Wrong way", "Held"]
    assert [words for words in quoted if f"*{words}*" not in TEXT or words not in venue_html] == []


def test_limits_that_it_names_are_those_of_the_report():
    limits = {"*Largest shocks* has the five largest": NAMED_SHOCKS == 5, "The ten worst accounts": PAGES == 10}
    limits |= {"half of the line's loss or more": WRONG_WAY_SHARE == 0.5, "more than 0.1 % of all collateral": WRONG_WAY_LEAST == 0.001}
    assert [words for words, true in limits.items() if words not in TEXT or not true] == []
