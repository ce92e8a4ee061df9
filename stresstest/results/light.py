"""The status light of a run: red, amber or green, with the rule that decides it and the reasons that applied."""

from __future__ import annotations

from typing import Literal

import polars as pl

from stresstest.results.documents import Document

Light = Literal["green", "amber", "red"]
LIGHTS: tuple[Light, ...] = ("green", "amber", "red")
"""From best to worst."""

RULE = (
    "Red: a headline scenario puts an owner in default, a red limit is breached, or a data check failed. "
    "Amber: an account is newly below its maintenance margin in a headline scenario, an amber limit is breached, accounts were excluded, "
    "or a data check warns. Green: none of these."
)


class Status(Document):
    """The light, the sentence that answers first, and why: every reason that applied, worst first."""

    light: Light
    sentence: str
    rule: str = RULE
    reasons: tuple[str, ...]


def status_of(scenario_summary: pl.DataFrame, quality: pl.DataFrame, excluded_accounts: int) -> Status:
    """The light of a run by `RULE`, from its scenario summary, its data checks and the number of accounts left out."""
    headline = scenario_summary.filter("headline")
    defaulting = headline.filter(pl.col("owners_in_default") > 0)
    breaching = headline.filter(pl.col("accounts_newly_breached") > 0)
    failed, warned = (quality.filter(pl.col("result") == result).height for result in ("fail", "warn"))
    red, amber = [], []
    if defaulting.height:
        most = defaulting.row(int(defaulting["owners_in_default"].arg_max() or 0), named=True)
        red.append(f"owners default in {_of(defaulting.height, headline.height)}, most ({most['owners_in_default']:,}) in {most['scenario_id']}")
    if failed:
        red.append(f"{_plural(failed, 'data check')} failed")
    if breaching.height:
        most = breaching.row(int(breaching["accounts_newly_breached"].arg_max() or 0), named=True)
        amber.append(
            f"accounts fall below their maintenance margin in {_of(breaching.height, headline.height)}, "
            f"most ({most['accounts_newly_breached']:,}) in {most['scenario_id']}"
        )
    if excluded_accounts:
        amber.append(f"{_plural(excluded_accounts, 'account')} excluded, so totals are lower bounds")
    if warned:
        amber.append(f"{_plural(warned, 'data check')} with a warning")
    light: Light = "red" if red else "amber" if amber else "green"
    return Status(light=light, sentence=_sentence(headline.height, defaulting.height, breaching.height), reasons=(*red, *amber))


def _sentence(headline: int, defaulting: int, breaching: int) -> str:
    if not headline:
        return "No headline scenario was run: only the base is judged."
    if defaulting:
        return f"An owner defaults in {_of(defaulting, headline)}."
    if breaching:
        return f"No owner defaults; accounts fall below their maintenance margin in {_of(breaching, headline)}."
    return f"No account falls below its maintenance margin in any of {_plural(headline, 'headline scenario')} that was not below it at base."


def _of(part: int, whole: int) -> str:
    return f"{part:,} of {_plural(whole, 'headline scenario')}"


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
