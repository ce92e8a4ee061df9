"""What the parts of the terminal view of an explanation are built from: tables, their rows, names and changes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stresstest.cli.output import printable

Row = dict[str, Any]
Cell = str | Text

QUIET = "dim"
STRONG = "bold"
VERSIONS = ("maintenance", "initial")


def figures_table(*columns: str, names: int = 1) -> Table:
    """`names` columns of text, which fold when they are long, then columns of numbers, which never do."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style=QUIET, pad_edge=False)
    for position, column in enumerate(columns):
        if position < names:
            table.add_column(Text(column), overflow="fold", min_width=8)
        else:
            table.add_column(Text(column), justify="right", no_wrap=True)
    return table


def add_row(table: Table, *cells: Cell, style: str = "") -> None:
    """A row of a table, nothing of it read as markup."""
    # As Text: a string would be read as markup, and an instrument may be called "[red]".
    table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in cells), style=style)


def step(text: str) -> Text:
    """A line below the thing it belongs to; what folds stays indented less than the next thing's name."""
    return Text(f"  {text}")


def strong_name(text: object) -> Text:
    """A name from data, in bold."""
    return Text(printable(text), style=STRONG)


def section(title: str, body: RenderableType, note: str = "") -> list[RenderableType]:
    """A titled part of the view, its body indented."""
    return [Text(), Text.assemble((title, STRONG), (f"  {note}" if note else "", QUIET)), Padding(body, (0, 0, 0, 2))]


def changed(amount: float, text: str) -> Text:
    """An amount as it was written, red for a loss and green for a gain."""
    return Text(text, style="red" if amount < -0.005 else "green" if amount > 0.005 else "")


def total(rows: Iterable[Row], name: str) -> float:
    """The sum of a figure."""
    return math.fsum(row[name] for row in rows)


def both(row: Row, stem: str) -> list[float]:
    """The maintenance and the initial version of a figure."""
    return [row[f"{stem}_{version}"] for version in VERSIONS]


def once(texts: Iterable[str]) -> str:
    """The texts of the maintenance and the initial version with a slash between, or the one text where they are the same."""
    return " / ".join(dict.fromkeys(texts))


def factored(row: Row) -> str:
    """The word `required` with the factors that make it of what was unscaled, where they are not 1."""
    factors = [f"{name} {row[key]:g}" for key, name in (("margin_rate", "margin rate"), ("margin_multiplier", "multiplier")) if row[key] != 1]
    return " x ".join(["required", *factors])
