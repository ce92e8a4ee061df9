"""What a person sees after `diff`: figures step by step, breaches, accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from stresstest.cli.figures import NOTHING, Formatter, money, money_of
from stresstest.cli.output import printable, shortened, text_table
from stresstest.errors import counted
from stresstest.report.formats import moment
from stresstest.results.changes import WORDS, Changes, FigureChange

if TYPE_CHECKING:
    from stresstest.runs.difference.diffing import Difference

SHOWN = 10
"""Accounts of each kind that are shown; the document has all."""

_KINDS = (("new", "New breaches"), ("worse", "Worse"), ("cured", "Cured"), ("better", "Better"))


def diff_text(found: Difference) -> str:
    """The difference as aligned text."""
    changes = found.changes
    assert changes.before is not None
    sides = [f"{label} {each.result_id[:12]}, as of {moment(each.as_of)}" for label, each in (("From", changes.before), ("to", changes.after))]
    lines = [f"{', '.join(sides)}, in {changes.reporting_currency}", ""]
    lines += [*_figures(changes), ""]
    lines += [f"{step.step}: {step.note}" for step in changes.steps if step.note]
    lines += [*changes.notes, _how(changes), "", *_counts(changes)]
    for kind, words in _KINDS:
        rows = found.accounts.filter(pl.col("breach") == kind)
        if rows.height:
            lines += ["", *_accounts(words, rows)]
    return "".join(printable(line) + "\n" for line in lines)


def _figures(changes: Changes) -> list[str]:
    steps = [step.step for step in changes.steps if step.known != "unchanged"]
    header = ("Changed by", "before", *steps, "after", "change")
    amounts = money_of(value for each in changes.figures if each.unit == "money" for value in (each.before, each.after))
    rows = [_row(figure, steps, amounts if figure.unit == "money" else _whole) for figure in changes.figures]
    return text_table(header, rows, right=frozenset(range(1, len(header)))).splitlines()


def _row(figure: FigureChange, steps: Sequence[str], written: Formatter) -> tuple[str, ...]:
    by_step = {step.step: step for step in figure.steps}
    return (
        WORDS[figure.figure],
        written(figure.before),
        *("->" if by_step[step].known == "with the next" else _signed(by_step[step].change, written) for step in steps),
        written(figure.after),
        _signed(figure.change, written),
    )


def _whole(value: float | None) -> str:
    return money(value, 0)


def _signed(value: float | None, written: Formatter) -> str:
    """A change with its sign; a plain 0 where there is none to see."""
    text = written(value)
    if value is None or not text.strip("0."):
        return "0" if value is not None else text
    return f"+{text}" if value > 0 else text


def _how(changes: Changes) -> str:
    unchanged = [step.step for step in changes.steps if step.known == "unchanged"]
    zero = f" Unchanged, so exactly zero: {', '.join(unchanged)}." if unchanged else ""
    joined = " ->: in the next step." if any(step.known == "with the next" for step in changes.steps) else ""
    again = "Inputs were exchanged in the order of the columns, on which the split depends." if changes.computed_again else ""
    return f"{again}{joined}{zero}".strip()


def _counts(changes: Changes) -> list[str]:
    breaches, there = changes.breaches, changes.presence
    if breaches is None or there is None:
        return []
    more = f", {breaches.not_known:,} not known (excluded now)" if breaches.not_known else ""
    breached = (
        f"Breaches: {breaches.before:,} before, {breaches.after:,} after: {breaches.new:,} new, {breaches.cured:,} cured, {breaches.worse:,} worse, "
        f"{breaches.better:,} better, {breaches.unchanged:,} unchanged{more}"
    )
    return [breached, f"Accounts: {there.came:,} came, {there.gone:,} gone, {there.excluded:,} excluded now, {there.back:,} no longer excluded"]


def _accounts(words: str, rows: pl.DataFrame) -> list[str]:
    size = (pl.col("margin_shortfall_after").fill_null(0.0) - pl.col("margin_shortfall_before").fill_null(0.0)).abs()
    chosen: list[dict[str, Any]] = rows.sort(-size, "account_id").head(SHOWN).to_dicts()
    header = (words, "status before", "after", "in scenario", "shortfall before", "after")
    amount = money_of(row[f"margin_shortfall_{side}"] for row in chosen for side in ("before", "after"))
    lines = text_table(
        header,
        [
            (
                shortened(row["account_id"]),
                row["status_before"] or NOTHING,
                row["status_after"] or NOTHING,
                shortened(row["scenario_id_after"] or NOTHING),
                amount(row["margin_shortfall_before"]),
                amount(row["margin_shortfall_after"]),
            )
            for row in chosen
        ],
        right=frozenset({4, 5}),
    ).splitlines()
    more = rows.height - len(chosen)
    return [*lines, *([f"  and {counted(more, 'more account')}: see --json"] if more else [])]
