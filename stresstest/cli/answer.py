"""The compact answer that a person sees after a run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from stresstest.cli.cascade_view import cascade_lines
from stresstest.cli.distance_view import distance_lines
from stresstest.cli.draws_view import draws_lines
from stresstest.cli.output import printable, shortened, text_table
from stresstest.errors import counted
from stresstest.report.changes import since
from stresstest.report.formats import HALF_A_CENT
from stresstest.results.changes import NAME as CHANGES
from stresstest.results.changes import Changes
from stresstest.results.distance import read_distance
from stresstest.results.documents import read_document
from stresstest.results.limit_counts import told
from stresstest.results.store import read_table
from stresstest.results.summary import Summary

WORDS = {"green": "GREEN", "amber": "AMBER", "red": "RED"}
REPORTS = ("report.html", "report.pdf")
SHOWN_ACCOUNTS = 5
SHOWN_CHECKS = 5
SHOWN_LIMITS = 5
POOLS = "Surplus of one margin pool never covers the shortfall of another, so shortfall can exceed requirement less balance."


def report_files(folder: Path) -> list[str]:
    """The reports that a result folder holds."""
    return [str(folder / name) for name in REPORTS if (folder / name).is_file()]


def answer_text(summary: Summary, folder: Path) -> str:
    """Light with its word, the sentence, the figures that matter most, the worst accounts, and where the report is."""
    currency = summary.run.reporting_currency
    lines = [f"{WORDS[summary.status.light]}  {summary.status.sentence}", *(f"  - {reason}" for reason in summary.status.reasons), ""]
    counts = ((summary.counts.accounts, "account"), (summary.counts.positions, "position"), (summary.scenarios - 1, "scenario"))
    scope = ", ".join(counted(number, noun) for number, noun in counts)
    lines.append(f"As of {_moment(summary.run.as_of)}, in {currency}: {scope}")
    if summary.worst is not None:
        lines += ["", *_worst_scenario(summary)]
    if summary.cascade is not None:
        name = read_table(folder, "scenario_summary", ("scenario_id", "name")).filter(scenario_id=summary.cascade.scenario_id)["name"][0]
        lines += cascade_lines(summary.cascade, name or summary.cascade.scenario_id)
    if summary.draws:
        probable = read_table(folder, "account_probabilities", ("family", "horizon_days", "base_status", "p_liquidation"))
        lines += draws_lines(summary.draws, probable)
    if (folder / CHANGES).is_file():
        lines += [*([] if summary.worst else [""]), *_changes(read_document(Changes, folder / CHANGES))]
    if summary.worst_accounts:
        lines += ["", *_worst_accounts(summary)]
    if summary.limits.breached:
        lines += ["", *_limits(summary)]
    distance = read_distance(folder)
    if distance is not None:
        lines += ["", *distance_lines(distance)]
    warned = _warnings(read_table(folder, "data_quality"))
    if warned:
        lines += ["", *warned]
    reports = [name for name in REPORTS if (folder / name).is_file()]
    lines += ["", *(f"{name}: {folder / name}" for name in reports)]
    if not reports:
        lines.append(f"results: {folder}")
    return "".join(printable(line) + "\n" for line in lines)


def breach_text(summary: Summary, fail_on: str) -> str:
    """Why a run leaves with 5, in one line, for who asked to hear nothing else."""
    reasons = summary.status.reasons[:1] or (summary.status.sentence,)
    return printable(f"exit 5 (--fail-on {fail_on}): {WORDS[summary.status.light]}, {reasons[0]}") + "\n"


def _warnings(quality: pl.DataFrame) -> list[str]:
    """The first data checks that failed or warned, in words, and how many more there are."""
    found = quality.filter(pl.col("result").is_in(["fail", "warn"])).sort(pl.col("result") != "fail", maintain_order=True)
    lines = [f"  {row['result']}  {row['check']}, {row['subject']}: {row['message']}" for row in found.head(SHOWN_CHECKS).iter_rows(named=True)]
    more = found.height - len(lines)
    return ["Data checks", *lines, *([f"  and {more:,} more: see data quality in the report"] if more else [])] if lines else []


def _limits(summary: Summary) -> list[str]:
    """The limits that are not green, worst first, with how much of each is used."""
    breached = summary.limits.breached
    names = {each.scenario_id: each.name for each in (summary.base, summary.worst) if each is not None}
    lines = []
    for each in breached[:SHOWN_LIMITS]:
        text = told(each, names).removeprefix("limit ")
        lines.append(f"  {text}{_used(each.utilisation)}")
    more = len(breached) - len(lines)
    return ["Limits", *lines, *([f"  and {more:,} more: see limits in the report"] if more else [])]


def _used(utilisation: float | None) -> str:
    """How much of a limit is used; what rounds to nothing and is something is said to be.

    >>> _used(0.004), _used(0.0), _used(1.456), _used(None)
    (', <1% of red', ', 0% of red', ', 146% of red', '')
    """
    if utilisation is None:
        return ""
    return f", {'<1%' if 0.0 < utilisation < 0.005 else format(utilisation, '.0%')} of red"


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _worst_scenario(summary: Summary) -> list[str]:
    worst = summary.worst
    assert worst is not None
    cover = summary.cover["stress_loss_over_margin"].cover_2
    owners = [_owner(summary, owner) for owner in cover.owners]
    at_least = "at least " if cover.lower_bound else ""
    return [
        f"Worst scenario   {worst.name}: margin shortfall {worst.margin_shortfall:,.0f}, uncollateralised loss {worst.uncollateralised_loss:,.0f}",
        f"Cover-2          {at_least}{cover.amount:,.0f} stress loss over margin" + (f" ({', '.join(owners)})" if owners else ""),
    ]


def _changes(found: Changes) -> list[str]:
    """What changed since the run that this one was set against, in the words of the report, or why there is nothing to say."""
    return [f"Changes          {text}" for text in ((since(found),) if found.before is not None else found.notes)]


def _owner(summary: Summary, owner: str) -> str:
    name = summary.owner_names.get(owner)
    return shortened(owner) if name is None else f"{shortened(name)} ({shortened(owner)})"


def _worst_accounts(summary: Summary) -> list[str]:
    rows = [
        (
            shortened(a.account_id),
            a.status,
            shortened(a.scenario_id),
            f"{a.margin_balance:,.0f}",
            f"{a.maintenance_margin:,.0f}",
            f"{a.margin_shortfall:,.0f}",
        )
        for a in summary.worst_accounts[:SHOWN_ACCOUNTS]
    ]
    header = ("Worst accounts", "status", "in scenario", "margin balance", "maintenance margin", "margin shortfall")
    lines = text_table(header, rows, right=frozenset({3, 4, 5})).splitlines()
    pooled = any(
        a.margin_shortfall > max(0.0, a.maintenance_margin - a.margin_balance) + HALF_A_CENT for a in summary.worst_accounts[:SHOWN_ACCOUNTS]
    )
    return [*lines, *([POOLS] if pooled else [])]
