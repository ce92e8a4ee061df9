"""The attribution of accounts and of the book beside the reference, line by line."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path

import polars as pl
from oracle.attribution import Attribution, Lines
from oracle.comparing import agree
from oracle.reading import Question
from oracle.totals import OracleResult

WHOLE = ("requirement", "margin_parameters")
"""Kinds that the reference has as one line each."""
RESIDUAL = 1e-9
"""Of gross notional: more than rounding is never left."""


def compare_attribution(result: Path, question: Question, worst: str | None, expected: OracleResult, accounts: int = 12) -> list[str]:
    """All differences, one line each.

    Args:
        result: the folder of the run.
        question: what it was asked.
        worst: the worst headline scenario, as the run names it.
        expected: the reference run of the same book.
        accounts: how many accounts are compared line by line.
    """
    scenarios = {row["id"]: row for row in question.scenarios}
    table = pl.read_parquet(result / "attribution.parquet")
    reference: dict[str, Attribution] = {}
    found = []
    for number, ((account, scenario), rows) in enumerate(table.group_by("account_id", "scenario_id", maintain_order=True)):
        lines = {(kind, subject): amount for kind, subject, amount in rows.select("kind", "subject", "amount").iter_rows()}
        scale = expected.scale[str(account)]
        found += of_sum(f"{account} in {scenario}", lines, change(expected, str(account), str(scenario)), scale)
        if number < accounts:
            name = str(scenario)
            reference[name] = reference.get(name) or Attribution(question.snapshot, question.margin, scenarios[name])
            found += of_lines(f"{account} in {scenario}", lines, reference[name].account(str(account)), scale)
    if worst is not None:
        book = pl.read_parquet(result / "attribution_summary.parquet").select("kind", "subject", "amount")
        whole = {(kind, subject): amount for kind, subject, amount in book.iter_rows()}
        found += of_sum("the book", whole, sum(change(expected, name, worst) for name in question.snapshot.accounts), sum(expected.scale.values()))
    return found


def change(expected: OracleResult, account: str, scenario: str) -> float:
    """Of margin balance less maintenance margin."""
    there, base = expected.accounts[account, scenario], expected.accounts[account, "base"]
    return sum(sign * (float(row["margin_balance"]) - float(row["maintenance_margin"])) for sign, row in ((1.0, there), (-1.0, base)))


def of_sum(where: str, lines: Lines, whole: float, scale: float) -> list[str]:
    """All lines together are the change, and the residual is rounding."""
    residual = lines["residual", None]  # type: ignore[index]
    found = [] if abs(residual) <= RESIDUAL * scale else [f"{where}: residual {residual} of {scale}"]
    total = math.fsum(lines.values())
    return found if agree(total, whole, scale) else [*found, f"{where}: adds up to {total}, not {whole}"]


def of_lines(where: str, lines: Lines, expected: Lines, scale: float) -> list[str]:
    """Line by line."""
    ours: Lines = defaultdict(float)
    for (kind, subject), amount in lines.items():
        ours[kind, "all" if kind in WHOLE else subject] += amount
    del ours["residual", None]  # type: ignore[arg-type]
    return [
        f"{where}: {kind} of {subject} {ours[kind, subject]}, not {expected.get((kind, subject), 0.0)}"
        for kind, subject in sorted({*ours, *expected})
        if not agree(ours[kind, subject], expected.get((kind, subject), 0.0), 10.0 * scale)
    ]
