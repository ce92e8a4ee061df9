"""The answer on the first page: what follows the sentence of the status light, and the headline figures.

Amounts and scenarios come from the run's summary, so the report, `summary.json` and a monitoring job that reads it say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stresstest.report.formats import HALF_A_CENT, MISSING, count, money, named, percent, plural_count, shortened, shown
from stresstest.report.parts import Figure, Tone
from stresstest.results.cascade import CascadeFigures
from stresstest.results.summary import Cover, Summary
from stresstest.stress.headline import Basis

Record = Mapping[str, Any]

BASE = "base"
"""The scenario without shocks."""

SIZING_BASIS: Basis = "stress_loss_over_margin"
"""The basis of Cover-N that is held against resources: losses beyond the margin that was held, as a default fund is sized."""

Names = Mapping[str, str]
"""Display names by id: of scenarios as they may be shown, of owners as the data has them."""


def short_accounts(scenario: Record) -> int:
    """Accounts of a `scenario_summary` row that are below their maintenance margin: those in liquidation and those in default."""
    return int(scenario["accounts_liquidation"]) + int(scenario["accounts_default"])


def detail(summary: Summary, headline: Sequence[Record], names: Names, others: int) -> str:
    """What follows the sentence of the light: the worst headline scenario, and Cover-2 of the run against the resources.

    `headline` are its rows of `scenario_summary`: where none has a shortfall, the one with the smallest P&L is named.
    """
    checked = plural_count(summary.counts.accounts, "account")
    if summary.worst is None:
        short = summary.base.accounts["liquidation"] + summary.base.accounts["default"]
        listed = f"; {plural_count(others, 'other scenario')} listed below for information" if others else ""
        found = f"{count(short)} of {checked} below maintenance margin at base" if short else f"Nothing to report at base, {checked} checked"
        return f"{found}{listed}."
    worst, currency = summary.worst, summary.run.reporting_currency
    parts = []
    if worst.margin_shortfall >= HALF_A_CENT:
        across = plural_count(worst.accounts["liquidation"] + worst.accounts["default"], "account")
        parts.append(f"Worst: {_called(names, worst.scenario_id, 80)}: margin shortfall {currency} {money(worst.margin_shortfall)} across {across}")
    else:
        parts.append(f"Nothing to report, {checked} checked; {_smallest_pnl(headline, names, currency)} over all accounts")
    parts.append(_cover_clause(summary))
    if summary.cascade is not None:
        parts.append(_cascade_clause(summary.cascade, names, currency))
    return "; ".join(parts) + "."


def _cascade_clause(found: CascadeFigures, names: Names, currency: str) -> str:
    """The worst scenario by what accounts are below zero, by itself and with the liquidations that follow."""
    called = _called(names, found.scenario_id, 80)
    loss = f"{currency} {money(found.uncollateralised_loss)}"
    return f"worst with liquidations: {called}: {loss} below zero, {money(found.uncollateralised_loss_static)} by the shock alone"


def _smallest_pnl(headline: Sequence[Record], names: Names, currency: str) -> str:
    """The scenario that costs all accounts together most; where none costs anything, the one that gives them least."""
    least = min(headline, key=lambda row: float(row["pnl"]))
    name, pnl = _called(names, least["scenario_id"], 80), float(least["pnl"])
    if pnl <= -HALF_A_CENT:
        return f"largest loss: {name}, {currency} {money(-pnl)}"
    return f"no loss, the smallest P&L: {name}, {currency} {'+' if pnl >= HALF_A_CENT else ''}{money(pnl)}"


def absent(summary: Summary) -> str:
    """Why there is no page about the worst headline scenario."""
    if summary.worst is None:
        return "Nothing to report: no headline scenario was run."
    return "Not computed: a run of a large book makes what stands here only where html or pdf is asked for."


def _cover_clause(summary: Summary) -> str:
    cover, currency = summary.cover[SIZING_BASIS].cover_2, summary.run.reporting_currency
    at_least = "at least " if cover.lower_bound else ""
    text = f"Cover-2 {at_least}{currency} {money(cover.amount)}"
    if summary.resources is None:
        return f"{text}, with no resources stated to hold it against"
    text += f" against resources of {currency} {money(summary.resources.total)}"
    return f"{text} ({_coverage(summary.resources.total / cover.amount)})" if cover.amount > 0 else text


def _coverage(ratio: float) -> str:
    """Resources over Cover-2, as one would say it."""
    return f"{percent(ratio)} covered" if ratio < 10 else f"covered {count(ratio)} times"


def _called(names: Names, scenario_id: str | None, limit: int) -> str:
    return MISSING if scenario_id is None else shortened(names.get(scenario_id, shown(scenario_id)), limit)


def _cover_figure(cover: Cover, label: str, currency: str, names: Names, owner_names: Names) -> Figure:
    if cover.amount <= 0:
        return Figure(label, money(0.0), currency, "no owner has such a loss")
    owners = " + ".join(shortened(named(owner_names.get(owner), owner), 24) for owner in cover.owners)
    note = f"{owners}; {_called(names, cover.scenario_id, 64)}"
    return Figure(label, money(cover.amount), currency, f"at least, as accounts are excluded; {note}" if cover.lower_bound else note)


def _resources_figure(summary: Summary) -> Figure:
    if summary.resources is None:
        return Figure("Resources", "not stated", "", "the run file names no resources")
    amount, total = summary.cover[SIZING_BASIS].cover_2.amount, summary.resources.total
    if amount <= 0:
        return Figure("Resources", money(total), summary.run.reporting_currency, "not called on")
    tone: Tone = "fail" if total < amount else ""
    note = f"Cover-2, stress loss over margin, is {_coverage(total / amount)}"
    return Figure("Resources", money(total), summary.run.reporting_currency, note, tone)


def _cascade_figure(found: CascadeFigures, currency: str, names: Names) -> Figure:
    """What liquidations add to what accounts are below zero, and what of the whole no layer of the waterfall pays."""
    unpaid = f"{money(found.uncovered)} of it paid by nobody" if found.uncovered >= HALF_A_CENT else "all of it paid by the waterfall"
    note = f"after liquidations, {money(found.uncollateralised_loss_static)} by the shock alone; {unpaid}; {_called(names, found.scenario_id, 64)}"
    if found.not_converged:
        note += f"; {plural_count(found.not_converged, 'scenario')} not at rest"
    tone: Tone = "fail" if found.uncovered >= HALF_A_CENT or found.not_converged else ""
    return Figure("Uncollateralised loss", money(found.uncollateralised_loss), currency, note, tone)


def _checks_figure(summary: Summary) -> Figure:
    failed, warned = summary.checks["fail"], summary.checks["warn"]
    checks = plural_count(sum(summary.checks.values()), "check")
    excluded = plural_count(summary.counts.excluded_accounts, "account") if summary.counts.excluded_accounts else "no account"
    if failed:
        return Figure("Data quality", f"{count(failed)} failed", "", f"{count(warned)} warned, of {checks}; {excluded} excluded", "fail")
    if warned:
        return Figure("Data quality", f"{count(warned)} warned", "", f"of {checks}; {excluded} excluded", "warn")
    return Figure("Data quality", "all passed", "", f"{checks}; {excluded} excluded")


def figures(summary: Summary, base: Record, headline: Sequence[Record], names: Names) -> tuple[Figure, ...]:
    """The headline figures, in the order in which a risk committee asks for them.

    `base` and `headline` are rows of `scenario_summary`, the headline ones by severity.
    """
    accounts, currency = count(summary.counts.accounts), summary.run.reporting_currency
    if summary.worst is None:
        return (
            Figure("Accounts below maintenance", count(short_accounts(base)), "", f"at base, of {accounts}"),
            Figure("Margin shortfall", money(base["margin_shortfall"]), currency, "at base"),
            Figure("Owners in default", count(base["owners_in_default"]), "", "at base", "fail" if base["owners_in_default"] else ""),
            _checks_figure(summary),
        )
    everywhere = f"in {plural_count(len(headline), 'headline scenario')}"
    most_short = max(headline, key=short_accounts)
    most_defaults = max(headline, key=lambda row: row["owners_in_default"])
    loss = max(headline, key=lambda row: row["uncollateralised_loss"])
    most_called = _called(names, most_short["scenario_id"], 64)
    worst, defaults = summary.worst, int(most_defaults["owners_in_default"])
    lost, called = float(loss["uncollateralised_loss"]), _called(names, loss["scenario_id"], 64)
    return (
        Figure(
            "Margin shortfall",
            money(worst.margin_shortfall),
            currency,
            _called(names, worst.scenario_id, 64) if worst.margin_shortfall >= HALF_A_CENT else everywhere,
        ),
        Figure(
            "Accounts below maintenance",
            count(short_accounts(most_short)),
            "",
            f"of {accounts}; {count(short_accounts(base))} at base" + (f"; {most_called}" if short_accounts(most_short) else ""),
        ),
        Figure(
            "Owners in default",
            count(defaults),
            "",
            _called(names, most_defaults["scenario_id"], 64) if defaults else everywhere,
            "fail" if defaults else "",
        ),
        Figure("Uncollateralised loss", money(lost), currency, called if lost >= HALF_A_CENT else "no equity falls below zero")
        if summary.cascade is None
        else _cascade_figure(summary.cascade, currency, names),
        _cover_figure(summary.cover[SIZING_BASIS].cover_2, "Cover-2, stress loss over margin", currency, names, summary.owner_names),
        _cover_figure(summary.cover["uncollateralised_loss"].cover_2, "Cover-2, uncollateralised loss", currency, names, summary.owner_names),
        _resources_figure(summary),
        _checks_figure(summary),
    )
