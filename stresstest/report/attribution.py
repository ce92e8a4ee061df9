"""The attribution's page: why balance less requirement of the book and of the worst accounts changed; and a sentence for each account's page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import polars as pl

from stresstest.report.answer import BASE, Names, Record
from stresstest.report.cells import amount_cell, left_out, name_cell, percent_cell, rank_cell, text_cell
from stresstest.report.charts.waterfall import STEP_EMS, signed_money
from stresstest.report.formats import HALF_A_CENT, chart_label, count, money, percent, plural_count, scale_for, shortened, shown
from stresstest.report.parts import Cell, Column, Row, Step, TableView
from stresstest.report.view import AttributionPage
from stresstest.results.summary import Summary
from stresstest.stress.wrong_way import account_wrong_way_share, wrong_way_share
from stresstest.tables import ATTRIBUTION_KINDS, ATTRIBUTION_WORDS

PRINTED_LINES, LISTED_LINES = 8, 200
PRINTED_ACCOUNTS, LISTED_ACCOUNTS = 5, 100
SAID = 3
"""Kinds that the sentence of an account names, and subjects of the largest of them."""

_SUBJECTS = {
    **dict.fromkeys(("price", "vol", "basis", "time", "not_counted"), "underlying"),
    **dict.fromkeys(("rate", "fx", "collateral_price", "holding_loss", "haircut"), "asset"),
    "requirement": "risk group",
    "margin_parameters": "schedule or model",
}
_WHOLE = {"haircut": "all assets, with profit not counted"}
"""What a line without a subject is of, where that is more than its kind says: see section 11 of the methodology."""
_TOGETHER = ("price", "vol", "fx", "collateral_price", "holding_loss", "haircut", "not_counted", "requirement", "margin_parameters")
"""Kinds with a column of their own in the table of accounts; the others are one."""

Kinds = Mapping[str, Sequence[tuple[str | None, float]]]
"""Subjects with their amounts, by kind in the order in which kinds are told; no residual."""


def attribution_page(
    book: pl.DataFrame | None,
    accounts: pl.DataFrame | None,
    totals: Mapping[str, Record],
    segments: pl.DataFrame | None,
    ranked: pl.DataFrame,
    summary: Summary,
    names: Names,
) -> AttributionPage | None:
    """The page of a run that attributed anything; None for one that did not, or that stressed nothing.

    Args:
        book: attribution_summary, of runs that have it.
        accounts: attribution, of runs that have it.
        totals: rows of scenario_summary by scenario.
        segments: segment_summary, of runs that have it.
        ranked: what `worst_accounts` gave.
        summary: of the run.
        names: of scenarios.
    """
    if book is None or accounts is None or book.is_empty() or summary.worst is None:
        return None
    currency, worst = shown(summary.run.reporting_currency), summary.worst.scenario_id
    scenario = shortened(names.get(worst, shown(worst)), 70)
    base, there = (float(totals[name]["margin_balance"]) - float(totals[name]["maintenance_margin"]) for name in (BASE, worst))
    kinds = _by_kind(book.select("kind", "subject", "amount").rows())
    return AttributionPage(
        scenario,
        _summary(kinds, base, there, _share_of_book(segments, worst), scenario, currency),
        _steps(kinds, base, there),
        _lines(kinds, currency),
        _accounts(accounts, ranked, names, currency),
    )


def _by_kind(rows: Sequence[tuple[str, str | None, float]]) -> dict[str, list[tuple[str | None, float]]]:
    found: dict[str, list[tuple[str | None, float]]] = {}
    for kind, subject, amount in sorted(rows, key=lambda row: (ATTRIBUTION_KINDS.index(row[0]), -abs(row[2]), row[1] or "")):
        if kind != "residual":
            found.setdefault(kind, []).append((subject, amount))
    return found


def _sum(lines: Sequence[tuple[str | None, float]]) -> float:
    return math.fsum(amount for _, amount in lines)


def _share_of_book(segments: pl.DataFrame | None, worst: str) -> float | None:
    """The wrong-way share of the book; None where the run has no segments."""
    if segments is None:
        return None
    rows = segments.filter(pl.col("scenario_id") == worst)
    return wrong_way_share(math.fsum(rows["wrong_way_loss"]), math.fsum(rows["gross_loss"]))


def _summary(kinds: Kinds, base: float, there: float, share: float | None, scenario: str, currency: str) -> str:
    moved = f"{currency} {money(base)} at base, {money(there)} in {scenario}"
    text = f"Margin balance less maintenance margin of the whole book: {moved} ({signed_money(there - base)})."
    sums = {kind: _sum(lines) for kind, lines in kinds.items()}
    losses = sorted((kind for kind, amount in sums.items() if amount < -HALF_A_CENT), key=lambda kind: sums[kind])
    if losses:
        text += f" Most was taken by {' and '.join(f'{ATTRIBUTION_WORDS[kind]} ({money(sums[kind])})' for kind in losses[:2])}."
    if sums.get("requirement", 0.0) > HALF_A_CENT:
        text += f" Lower requirements gave back {money(sums['requirement'])}."
    if share is not None:
        text += f" Wrong-way share: {percent(share, 1)} of what accounts lose is collateral that fell together with their positions."
    return text


def _words(kind: str) -> str:
    words = ATTRIBUTION_WORDS[kind]
    return words[:1].upper() + words[1:]


def _steps(kinds: Kinds, base: float, there: float) -> tuple[Step, ...]:
    """From the excess at base to that in the scenario, kind by kind; what is nothing but rounding is no step."""
    changes = [(kind, _sum(lines)) for kind, lines in kinds.items()]
    steps = [Step(chart_label(_words(kind), _words(kind), STEP_EMS), amount) for kind, amount in changes if abs(amount) >= HALF_A_CENT]
    return (Step("Balance less requirement at base", base, total=True), *steps, Step("In the scenario", there, total=True))


def _lines(kinds: Kinds, currency: str) -> TableView:
    found = [(kind, subject, amount) for kind, lines in kinds.items() for subject, amount in lines if abs(amount) >= HALF_A_CENT]
    found.sort(key=lambda line: -abs(line[2]))
    listed = found[:LISTED_LINES]
    scale = scale_for([amount for *_, amount in listed])
    columns = (Column("What", "text", 34), Column("Of", "text", 44), Column("Change", "number", 22, scale.unit(currency)))
    rows = tuple(
        Row(
            (
                text_cell(_words(kind)),
                Cell(_WHOLE.get(kind, "all together"), "") if subject is None else text_cell(f"{_SUBJECTS[kind]} {subject}", 44),
                amount_cell(amount, scale),
            ),
            printed=number < PRINTED_LINES,
        )
        for number, (kind, subject, amount) in enumerate(listed)
    )
    empty = f"Nothing to report: nothing changed; {plural_count(len(kinds), 'kind')} of change checked."
    notes = left_out(len(found), len(listed), PRINTED_LINES, "line", "attribution_summary", "largest")
    return TableView("attribution-lines", "What it came from", columns, rows, empty, notes)


def _accounts(attribution: pl.DataFrame, ranked: pl.DataFrame, names: Names, currency: str) -> TableView:
    """The worst accounts, each in its own worst scenario, kinds side by side."""
    kinds_of = accounts_by_kind(attribution)
    records = [row for row in ranked.head(10 * LISTED_ACCOUNTS).to_dicts() if row["account_id"] in kinds_of][:LISTED_ACCOUNTS]
    amounts = {row["account_id"]: _columns(kinds_of[row["account_id"]]) for row in records}
    scale = scale_for([amount for values in amounts.values() for amount in values])
    unit = scale.unit(currency)
    lost = "Change of balance less requirement by"
    columns = (
        Column("Rank", "number", 3.2),
        Column("Account", "text", 12.5),
        Column("Worst scenario", "text", 12.5),
        Column("Change", "number", 6, unit),
        *(Column(label, "number", 5.8, unit, lost) for label in ("Price", "Vol", "Currencies", "Collateral price", "Collat. lost", "Haircut")),
        *(Column(label, "number", 6.2, unit, lost) for label in ("Profit not counted", "Requirement", "Margin param.")),
        Column("Other", "number", 4.8, unit, lost),
        Column("Largest", "text", 9.5),
        Column("Wrong way", "number", 4.6, "%"),
    )
    rows = []
    for place, row in enumerate(records):
        values = amounts[row["account_id"]]
        rows.append(
            Row(
                (
                    rank_cell(place + 1),
                    name_cell(row["name"], row["account_id"], 40),
                    text_cell(names.get(row["scenario_id"], row["scenario_id"]), 44),
                    *(amount_cell(amount, scale) for amount in values),
                    text_cell(_largest(kinds_of[row["account_id"]]), 40),
                    percent_cell(account_wrong_way_share(row["position_pnl"], row["collateral_pnl"], row["gross_notional"])),
                ),
                printed=place < PRINTED_ACCOUNTS,
            )
        )
    notes = (
        "Each account in its own worst headline scenario. Negative: it took away. Other: rates, basis and time. Largest: what took most.",
        "Wrong way: part of the account's loss that is collateral which fell together with its positions.",
        *left_out(attribution["account_id"].n_unique(), len(rows), PRINTED_ACCOUNTS, "account", "attribution"),
    )
    empty = f"Nothing to report: {plural_count(len(kinds_of), 'account')} attributed."
    return TableView("attribution-accounts", "The worst accounts, each in its own worst scenario", columns, tuple(rows), empty, notes)


def accounts_by_kind(attribution: pl.DataFrame) -> dict[str, dict[str, list[tuple[str | None, float]]]]:
    """The lines of every account of the table attribution."""
    rows: dict[str, list[tuple[str, str | None, float]]] = {}
    for account, kind, subject, amount in attribution.select("account_id", "kind", "subject", "amount").iter_rows():
        rows.setdefault(account, []).append((kind, subject, amount))
    return {account: _by_kind(lines) for account, lines in rows.items()}


def _columns(kinds: Kinds) -> list[float]:
    """The whole change, then every column."""
    own = [_sum(kinds.get(kind, ())) for kind in _TOGETHER]
    other = math.fsum(_sum(lines) for kind, lines in kinds.items() if kind not in _TOGETHER)
    return [math.fsum([*own, other]), *own, other]


def _largest(kinds: Kinds) -> str:
    """The one line that took most."""
    lines = [(amount, kind, subject) for kind, found in kinds.items() for subject, amount in found]
    amount, kind, subject = min(lines, key=lambda line: line[0], default=(0.0, "", None))
    if amount > -HALF_A_CENT:
        return "nothing"
    return ATTRIBUTION_WORDS[kind] if subject is None else f"{ATTRIBUTION_WORDS[kind]}, {subject}"


def why(kinds: Kinds, account: Record) -> str:
    """A sentence for an account's page: what its balance less requirement lost most by, and how much of its loss is the wrong way."""
    change = math.fsum(_sum(lines) for lines in kinds.values())
    sums = sorted(((kind, _sum(lines)) for kind, lines in kinds.items()), key=lambda each: -abs(each[1]))
    told = [(kind, amount) for kind, amount in sums if abs(amount) >= HALF_A_CENT][:SAID]
    if not told:
        return "Nothing changes its balance less requirement."
    parts = []
    for number, (kind, amount) in enumerate(told):
        subjects = [shortened(shown(subject), 24) for subject, part in kinds[kind] if subject is not None and part * amount > 0.0]
        more = f" and {count(len(subjects) - SAID)} more" if len(subjects) > SAID else ""
        of = f" ({', '.join(subjects[:SAID])}{more})" if number == 0 and subjects else ""
        parts.append(f"{ATTRIBUTION_WORDS[kind]} {signed_money(amount)}{of}")
    text = f"Balance less requirement {signed_money(change)}: {', '.join(parts)}{' and others' if len(sums) > len(told) else ''}."
    share = account_wrong_way_share(account["position_pnl"], account["collateral_pnl"], account["gross_notional"])
    return text + (f" Wrong-way share {percent(share)}." if share > 0.0 else "")
