"""Open orders in the terminal view of an explanation: what each side would need, and which counts."""

from __future__ import annotations

from rich.table import Table

from stresstest.cli.explain_blocks import QUIET, STRONG, VERSIONS, Row, add_row, both, figures_table, step, strong_name
from stresstest.cli.figures import money_of, number
from stresstest.cli.output import printable

_PARTS = {"asked": "position after the fills", "lost": "lost by the fills", "worth": "its funds are worth"}


def orders_table(rows: list[Row]) -> Table:
    """Both sides of every instrument, what they are made of, and what is required."""
    table = figures_table("orders", "filled", "MM", "IM")
    figures = [row[f"{stem}_{version}"] for row in rows for stem in (*_PARTS, "requirement") for version in VERSIONS]
    sums = [sum(row[f"requirement_{version}"] or 0.0 for row in rows) for version in VERSIONS]
    show = money_of([*sums, *(figure for figure in figures if figure is not None)])
    for row in rows:
        title = printable(row["subject"]) if row["side"] is None else f"{printable(row['subject'])}, all {row['side']} filled"
        add_row(table, strong_name(title), "" if row["filled"] is None else number(row["filled"]), "", "")
        for stem, words in _PARTS.items():
            if row[f"{stem}_maintenance"] is not None:
                add_row(table, step(words), "", *map(show, both(row, stem)), style=QUIET)
        if row["requirement_maintenance"] is not None or row["requirement_initial"] is not None:
            amounts = (row[f"requirement_{version}"] for version in VERSIONS)
            add_row(table, step("required: the worse side" if row["side"] else "required"), "", *("" if x is None else show(x) for x in amounts))
    add_row(table, "sum", "", *map(show, sums), style=STRONG)
    return table
