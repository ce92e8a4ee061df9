"""Why margin balance less maintenance margin changed from base: a waterfall of kinds, and under each kind the assets or groups it comes from."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from stresstest.cli.explain_blocks import QUIET, STRONG, Row, add_row, changed, figures_table, step
from stresstest.cli.figures import money, money_of, percent
from stresstest.cli.output import printable
from stresstest.tables import ATTRIBUTION_WORDS

WIDTH = 40
"""Characters of the widest bar."""
SUBJECTS = 6
"""Lines of a kind, largest first; the others are one."""
LEVEL, GAIN, LOSS = "=", "+", "-"
"""What bars are made of: they say without colour which way a step goes."""


def attribution_table(attribution: Row, excess: float) -> RenderableType:
    """From the excess at base to that in the scenario, kind by kind, with bars from level to level.

    Args:
        attribution: as `runs.explaining.attribution_document` has it.
        excess: margin balance less maintenance margin in the scenario.
    """
    by_kind: dict[str, list[Row]] = {}
    for line in attribution["lines"]:
        by_kind.setdefault(line["kind"], []).append(line)
    amounts = {kind: math.fsum(line["amount"] for line in lines) for kind, lines in by_kind.items()}
    rounding = amounts.pop("residual", 0.0)
    base = excess - attribution["change"]
    show = money_of([base, excess, *amounts.values()])
    levels = [base]
    for amount in amounts.values():
        levels.append(levels[-1] + amount)
    scale = _Scale(levels)
    table = figures_table("", "change", "balance less requirement")
    table.add_column(Text("bar", style=QUIET), no_wrap=True)
    add_row(table, "at base", "", show(base), scale.bar(0.0, base, LEVEL), style=STRONG)
    for kind, before, after in zip(amounts, levels, levels[1:], strict=False):
        amount = amounts[kind]
        bar = scale.bar(before, after, GAIN if amount >= 0.0 else LOSS)
        add_row(table, ATTRIBUTION_WORDS[kind], changed(amount, show(amount)), show(after), Text(bar, style="red" if amount < 0.0 else "green"))
        for text, part in _parts(by_kind[kind]):
            add_row(table, step(text), show(part), "", "", style=QUIET)
    add_row(
        table,
        "in the scenario",
        changed(attribution["change"], show(attribution["change"])),
        show(excess),
        scale.bar(0.0, excess, LEVEL),
        style=STRONG,
    )
    notes = [Text(f"bars from level to level: {LOSS} takes away, {GAIN} adds; left to rounding {money(rounding, 6)}", style=QUIET)]
    if attribution["wrong_way_share"] > 0.0:
        notes.append(Text(f"wrong way: {percent(attribution['wrong_way_share'])} of what is lost is collateral that fell with the positions"))
    return Group(table, Text(), *notes)


def _parts(lines: list[Row]) -> Iterator[tuple[str, float]]:
    """The subjects of a kind, largest first."""
    named = [line for line in lines if line["subject"] is not None]
    # One more is shown by itself rather than as one other.
    shown = named if len(named) <= SUBJECTS + 1 else named[:SUBJECTS]
    for line in shown:
        yield printable(line["subject"]), line["amount"]
    rest = named[len(shown) :]
    if rest:
        yield f"{len(rest):,} others", math.fsum(line["amount"] for line in rest)


class _Scale:
    """Where amounts are among the characters of a bar; zero is always inside."""

    def __init__(self, levels: list[float]) -> None:
        self._low, self._high = min(0.0, *levels), max(0.0, *levels)

    def bar(self, start: float, end: float, mark: str) -> str:
        """From one amount to another; what moves at all has one character at least."""
        if start == end:
            return ""
        first, last = sorted((self._place(start), self._place(end)))
        last = max(last, first + 1)
        return " " * min(first, WIDTH - 1) + mark * (last - first)

    def _place(self, amount: float) -> int:
        span = self._high - self._low
        return round((amount - self._low) / span * WIDTH) if span > 0.0 else 0
