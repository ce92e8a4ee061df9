"""The value of a position as a line of arithmetic that a person can follow."""

from __future__ import annotations

import math
from typing import Any

from stresstest.cli.figures import number, percent
from stresstest.cli.output import printable

Row = dict[str, Any]


def formula(row: Row, reporting: str) -> str:
    """The line of the table in section 3 of the methodology, with the figures of a position; factors of 1 are left out."""
    quantity, entry, price = row["quantity"], row["mean_entry"], row["stressed_price"]

    def currency(role: str) -> str:
        return "" if row[role] == reporting else f" x {printable(row[role])} at {_exact(row[f'stressed_{role}_value'])}"

    size = "" if row["contract_size"] == 1.0 else f" x {_exact(row['contract_size'])}"
    if row["style"] in ("spot", "paid option"):
        return f"{_exact(quantity)}{size} x {_exact(price)}{currency('quote')}"
    inverse = row["style"] == "inverse"
    money = currency("quote" if row["style"] == "linear" else "settle")
    if entry is None:  # lots that cancel, or that cost nothing together: there is no price they were entered at
        at_price, cost = f"{_exact(quantity)}{'/' if inverse else ' x '}{_exact(price)}", row["cost"]
        inside = f"{_exact(cost)} - {at_price}" if inverse else f"{at_price} - {_term(cost)}"
        text = f"({inside}){size}{money}"
    else:
        over = "1/" if inverse else ""
        first, last = (entry, price) if inverse else (price, entry)
        text = f"{_exact(quantity)}{size} x ({over}{_exact(first)} - {over}{_term(last)}){money}"
    return f"{text} + funding {_exact(row['funding'])}{currency('settle')}" if row["funding"] else text


def option_inputs(row: Row) -> str:
    """Forward and vol, before and after, how the vol was found where not from the mark, and whether exercise is possible before expiry."""
    found = "" if row["treatment"] == "implied" else f" ({row['treatment']})"
    vols = f"{percent(row['base_vol'])} > {percent(row['stressed_vol'])}"
    early = ", American exercise" if row["exercise"] == "american" else ""
    return f"forward {number(row['base_forward'])} > {number(row['stressed_forward'])}, vol {vols}{found}{early}"


def _exact(amount: float) -> str:
    """Ten significant digits: enough to have the cents of a large position again, which the figures of a table do not hold."""
    if amount == 0:
        return "0"
    digits = min(20, max(0, 9 - math.floor(math.log10(abs(amount)))))
    text = f"{amount:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits else text


def _term(amount: float) -> str:
    return f"({_exact(amount)})" if amount < 0 else _exact(amount)
