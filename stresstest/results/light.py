"""The status light of a run: red, amber or green, with the rule that decides it and the reasons that applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import polars as pl

from stresstest.errors import counted
from stresstest.results.cascade import NO_DEFAULTS, DefaultsByFeedback
from stresstest.results.documents import Document
from stresstest.results.limit_counts import NO_LIMITS, LimitCounts, LimitFigures, told

Light = Literal["green", "amber", "red"]
LIGHTS: tuple[Light, ...] = ("green", "amber", "red")
"""From best to worst."""

RULE = (
    "Red: a headline scenario puts an owner in default, by itself or by the liquidations that follow where the run has a cascade, a limit is red, or "
    "a data check failed. "
    "Amber: an account is newly below its maintenance margin in a headline scenario, a limit is amber or could not be measured, accounts were "
    "excluded, or a data check warns. "
    "Green: none of these. Without a headline scenario the base is judged instead, where every account below its maintenance margin counts, "
    "and the light is at least amber."
)


class Status(Document):
    """The light, the sentence that answers first, and why: every reason that applied, worst first."""

    light: Light
    sentence: str
    rule: str = RULE
    reasons: tuple[str, ...]


_Told = dict[str, list[str]]

TOLD_LIMITS = 3
"""Limits of one colour that are named among the reasons; more are counted, and the page of limits has them all."""


def status_of(
    scenario_summary: pl.DataFrame, quality: pl.DataFrame, excluded_accounts: int, limits: LimitCounts = NO_LIMITS,
    cascade: DefaultsByFeedback = NO_DEFAULTS,
) -> Status:  # fmt: skip
    """The light of a run by `RULE`, from its scenario summary, its data checks, the number of accounts left out, its limits and its cascade."""
    names = dict(scenario_summary.select("scenario_id", "name").iter_rows())
    reasons = _of_limits(limits, names)
    if cascade.scenarios:
        headline = int(scenario_summary["headline"].sum())
        told = f"liquidations put more owners in default in {_of(cascade.scenarios, headline)}, most ({cascade.owners:,} more) in "
        reasons["red"] = [told + (names[cascade.worst] or cascade.worst), *reasons["red"]]
    status = _judged(scenario_summary, quality, excluded_accounts, reasons)
    if cascade.scenarios:
        alone = status.sentence.replace("No owner defaults;", "No owner defaults by the shocks alone;")
        further = f"Liquidations that follow put more owners in default in {_of(cascade.scenarios, headline)}."
        status = status.model_copy(update={"sentence": f"{alone} {further}"})
    return status.model_copy(update={"sentence": f"{status.sentence} {_are(limits.red, 'limit').capitalize()} red."}) if limits.red else status


def _judged(scenario_summary: pl.DataFrame, quality: pl.DataFrame, excluded_accounts: int, limits: _Told) -> Status:
    headline = scenario_summary.filter("headline")
    if not headline.height:
        return _status_at_base(scenario_summary.row(0, named=True), quality, excluded_accounts, limits)
    defaulting = headline.filter(pl.col("owners_in_default") > 0)
    breaching = headline.filter(pl.col("accounts_newly_breached") > 0)
    red: list[str] = []
    amber: list[str] = []
    if defaulting.height:
        most = defaulting.row(int(defaulting["owners_in_default"].arg_max() or 0), named=True)
        red.append(f"owners default in {_of(defaulting.height, headline.height)}, most ({most['owners_in_default']:,}) in {_named(most)}")
    if breaching.height:
        most = breaching.row(int(breaching["accounts_newly_breached"].arg_max() or 0), named=True)
        amber.append(
            f"accounts fall below their maintenance margin in {_of(breaching.height, headline.height)}, "
            f"most ({most['accounts_newly_breached']:,}) in {_named(most)}"
        )
    return _status(_sentence(headline.height, defaulting.height, breaching.height), red, amber, quality, excluded_accounts, limits)


def _status_at_base(base: Mapping[str, Any], quality: pl.DataFrame, excluded_accounts: int, limits: _Told) -> Status:
    """Where there is nothing but the base: the same rule for it, and never green, since nothing was stressed."""
    defaults, short = int(base["owners_in_default"]), int(base["accounts_liquidation"]) + int(base["accounts_default"])
    red = [f"{_are(defaults, 'owner')} in default at base"] if defaults else []
    amber = [f"{_are(short, 'account')} below {'its' if short == 1 else 'their'} maintenance margin at base"] if short else []
    found = (red or amber or ["no account is below its maintenance margin there"])[0]
    sentence = f"No headline scenario was run, so only the base was judged: {found}."
    return _status(sentence, red, [*amber, "no headline scenario: nothing but the base was judged"], quality, excluded_accounts, limits)


def _status(sentence: str, red: list[str], amber: list[str], quality: pl.DataFrame, excluded_accounts: int, limits: _Told) -> Status:
    """The light with what limits, data checks and exclusions add to the reasons of the scenarios."""
    failed, warned = (quality.filter(pl.col("result") == result).height for result in ("fail", "warn"))
    red = [*red, *limits["red"], *([f"{counted(failed, 'data check')} failed"] if failed else [])]
    amber = [
        *amber,
        *limits["unknown"],
        *limits["amber"],
        *([f"{counted(excluded_accounts, 'account')} excluded, so totals are lower bounds"] if excluded_accounts else []),
        *([f"{counted(warned, 'data check')} with a warning"] if warned else []),
    ]
    light: Light = "red" if red else "amber" if amber else "green"
    return Status(light=light, sentence=sentence, reasons=(*red, *amber))


def _of_limits(limits: LimitCounts, names: Mapping[str, str]) -> _Told:
    """The reasons that limits are, a line for each status; `names` are those of scenarios, which values may be about."""
    found: _Told = {}
    for status in ("red", "unknown", "amber"):
        of_it = [each for each in limits.breached if each.status == status]
        line = told(of_it[0], names) if len(of_it) == 1 else f"{_are(len(of_it), 'limit')} {status}: {_named_limits(of_it)}"
        found[status] = [line] if of_it else []
    return found


def _named_limits(limits: Sequence[LimitFigures]) -> str:
    more = len(limits) - TOLD_LIMITS
    return ", ".join(each.name for each in limits[:TOLD_LIMITS]) + (f" and {more:,} more" if more > 0 else "")


def _sentence(headline: int, defaulting: int, breaching: int) -> str:
    if defaulting:
        return f"An owner defaults in {_of(defaulting, headline)}."
    if breaching:
        return f"No owner defaults; accounts fall below their maintenance margin in {_of(breaching, headline)}."
    where = "the one headline scenario" if headline == 1 else f"any of {counted(headline, 'headline scenario')}"
    return f"No account falls below its maintenance margin in {where} that was not below it at base."


def _named(scenario: Mapping[str, Any]) -> str:
    """The display name, as the worst scenario has it in the headline; the id where there is none to see."""
    name = str(scenario["name"] or "")
    return name if name.strip() else str(scenario["scenario_id"])


def _of(part: int, whole: int) -> str:
    return f"{part:,} of {counted(whole, 'headline scenario')}"


def _are(number: int, noun: str) -> str:
    return f"{counted(number, noun)} {'is' if number == 1 else 'are'}"
