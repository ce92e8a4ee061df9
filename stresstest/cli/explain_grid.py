"""The scan of a portfolio model in the terminal view of an explanation: positions in the worst row, every row, what becomes of the losses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stresstest.cli.explain_blocks import (
    QUIET,
    STRONG,
    VERSIONS,
    Row,
    add_row,
    both,
    changed,
    factored,
    figures_table,
    section,
    step,
    strong_name,
    total,
)
from stresstest.cli.figures import Formatter, money_of, number, percent
from stresstest.cli.output import printable

Column = tuple[str, str, list[tuple[str, float]]]
"""A name, the row that sets the scan loss, and the P&L of every row by its name."""

ACROSS = 5
"""Risk groups that stand beside each other in a table of rows."""


def scan_sections(scans: list[Row], credits_given: list[Row]) -> Iterator[RenderableType]:
    """The sections of a pool under a portfolio model, in the order in which its requirement comes about."""
    groups = [group for scan in scans for group in scan["groups"]]
    yield from section("Grid, every position in the row that sets the scan loss", _positions(groups), "P&L = quantity x change of a unit")
    yield from section("Grid, row by row", _rows(scans), "P&L of every risk group; the row of its scan is marked")
    if credits_given:
        yield from section("Spread credits, in order", _credits(credits_given), "of the deltas that earlier ones left; a share of each loss")
    yield from section("Scan losses", _scans(scans))


def _positions(groups: list[Row]) -> Table:
    table = figures_table("risk group, position", "quantity", "change of a unit", "P&L")
    show = money_of(row["pnl"] for group in groups for row in group["positions"])
    for group in groups:
        moved = next(row["move"] for row in group["rows"] if row["row"] == group["row"])
        prices = f", prices {percent(moved, signed=True)}" if moved else ""
        add_row(table, Text.assemble(strong_name(group["risk_group"]), f"  {printable(group['row'])}{prices}"))
        shaped = _shaped(group["expiries"])
        for expiry in group["expiries"]:
            for row in group["positions"]:
                if (row["expiry"], row["currency"]) == (expiry["expiry"], expiry["currency"]):
                    _position(table, row, show)
            if shaped:
                for text, amount in _expiry(expiry, show):
                    add_row(table, step(f"  {text}"), "", "", amount, style=QUIET)
        counted = total(group["expiries"], "counted")
        add_row(table, step("P of the row"), "", "", changed(counted, show(counted)))
    return table


def _position(table: Table, row: Row, show: Formatter) -> None:
    if row["instrument_id"] is None:
        change = f"{number(row['value'])} x {percent(row['move'], signed=True)}"
        add_row(table, step(f"{printable(row['subject'])}, collateral"), number(row["quantity"]), change, _gain(row, show))
        return
    add_row(table, step(printable(row["subject"])), number(row["quantity"]), number(row["change"]), _gain(row, show))
    if row["vol"] is not None:
        add_row(table, step(f"  vol {percent(row['vol'])} > {percent(row['row_vol'])}"), "", "", "", style=QUIET)
    for part, change in (("cost", "cost_change"), ("funding", "settle_change")):
        if row[part] and row[change]:
            add_row(table, step(f"  with its {part}"), number(row[part]), number(row[change]), "", style=QUIET)


def _gain(row: Row, show: Formatter) -> Text:
    return changed(row["pnl"], show(row["pnl"]))


def _shaped(expiries: Iterable[Row]) -> bool:
    """Whether an expiry counts as anything but the sum of its positions."""
    return any(row["discount_factor"] != 1.0 or row["counted"] != row["pnl"] for row in expiries)


def _expiry(row: Row, show: Formatter) -> Iterator[tuple[str, Text | str]]:
    """How the P&L of an expiry becomes what counts of it."""
    when = "undated" if row["expiry"] is None else f"{row['expiry'][:16].replace('T', ' ')}, T {row['years']:.6g}"
    if row["discount_factor"] != 1.0:
        value, moved = show(row["option_value"]), show(row["option_value"] + row["option_pnl"])
        yield (
            f"{when}: options {moved} x discount {row['discount_factor']:.10g}, less {value} before, others {show(row['other_pnl'])}",
            show(row["pnl"]),
        )
    else:
        yield f"{when}: sum", show(row["pnl"])
    if row["counted"] != row["pnl"]:
        taken = {1: "the gain", -1: "the loss", 0: "nothing"}[(row["pnl"] > 0) - (row["pnl"] < 0)]
        turned = (row["counted"] < 0) != (row["pnl"] < 0)  # signs, not figures: weighted and unweighted, those agree but for rounding
        what = "nothing" if row["counted"] == 0.0 else f"{taken}, as a loss," if turned else taken
        yield f"{what} x weight {row['weight']:.10g}", changed(row["counted"], show(row["counted"]))


def _rows(scans: list[Row]) -> RenderableType:
    """Rows down, risk groups across, and the sum of a list of offsets behind its groups; a few groups at a time."""
    columns: list[Column] = []
    for scan in scans:
        groups = scan["groups"]
        columns += [(group["risk_group"], group["row"], [(row["row"], row["pnl"]) for row in group["rows"]]) for group in groups]
        if len(groups) > 1 and groups[0]["correlated"] is None:
            sums = [(rows[0]["row"], total(rows, "counted")) for rows in zip(*(group["rows"] for group in groups), strict=True)]
            columns.append((scan["scan"], scan["worst_row"], sums))
    show = money_of(pnl for _, _, rows in columns for _, pnl in rows)
    return Group(*(_matrix(columns[start : start + ACROSS], show) for start in range(0, len(columns), ACROSS)))


def _matrix(columns: list[Column], show: Formatter) -> Table:
    table = figures_table("row", *(printable(name) for name, _, _ in columns))
    for cells in zip(*(rows for _, _, rows in columns), strict=True):
        texts = [
            Text(f"> {show(pnl)}", style=f"{STRONG} red") if row == worst and pnl < 0 else changed(pnl, show(pnl))
            for (_, worst, _), (row, pnl) in zip(columns, cells, strict=True)
        ]
        add_row(table, printable(cells[0][0]), *texts)
    return table


def _credits(rows: list[Row]) -> Table:
    table = figures_table("groups", "rate", "deltas", "spreads", "share of loss", "credit")
    show = money_of(row[f"credit_{side}"] for row in rows for side in (1, 2))
    for row in rows:
        add_row(table, strong_name(f"{row['group_1']} / {row['group_2']}"), percent(row["rate"]), "", number(row["spreads"]))
        for side in (1, 2):
            share = f"{percent(row[f'share_{side}'])} of {number(row[f'loss_{side}'])}"
            cells = (number(row[f"delta_{side}"]), "", share, show(row[f"credit_{side}"]))
            add_row(table, step(printable(row[f"group_{side}"])), "", *cells, style=QUIET)
    return table


def _scans(scans: list[Row]) -> Table:
    table = figures_table("scan, step", "MM", "IM")
    totals = [total(scans, f"requirement_{version}") for version in VERSIONS]
    show = money_of([*totals, *(amount for scan in scans for amount in (scan["loss"], *both(scan, "unscaled"), *both(scan, "requirement")))])
    for scan in scans:
        add_row(table, Text.assemble(strong_name(scan["scan"]), f"  {printable(scan['worst_row'])}" if len(scan["groups"]) == 1 else ""))
        for text, amounts in _steps(scan):
            add_row(table, step(text), *(show(amount) for amount in amounts), style=QUIET)
        add_row(table, step(factored(scan)), *map(show, both(scan, "requirement")))
    add_row(table, "sum", *map(show, totals), style=STRONG)
    return table


def _steps(scan: Row) -> Iterator[tuple[str, list[float]]]:
    """From the losses of the groups to what is required before margin rate and multiplier."""
    groups = scan["groups"]
    correlated = groups[0]["correlated"] is not None
    if len(groups) > 1 and not correlated:
        yield from _listed(scan)
    for group in groups if len(groups) == 1 or correlated else ():
        of = f"{printable(group['risk_group'])}: " if len(groups) > 1 else ""
        loss = group["scan_loss"]
        yield f"{of}scan loss max(0, -P)", [loss] * 2
        if group["maximum_loss"] is not None and group["maximum_loss"] < loss:
            loss = group["maximum_loss"]
            yield f"{of}at most what its options can lose", [loss] * 2
        if group["credit"]:
            yield f"{of}less spread credits", [-group["credit"]] * 2
    if correlated:
        yield "root of the sum of rho x loss x loss", [scan["loss"]] * 2
    factors = both(scan, "loss_factor")
    if any(factor != 1.0 for factor in factors):
        yield f"x loss factor {' / '.join(f'{factor:g}' for factor in factors)}", [factor * scan["loss"] for factor in factors]
    if scan["floor_maintenance"] is not None:
        yield "at least the floors among the add-ons", both(scan, "floor")


def _listed(scan: Row) -> Iterator[tuple[str, list[float]]]:
    """The groups of a list of offsets in its worst row, gains in part, and the loss together."""
    counted = [(group, next(row for row in group["rows"] if row["row"] == scan["worst_row"])) for group in scan["groups"]]
    for group, row in counted:
        part = "" if row["counted"] == row["pnl"] else f", {percent(row['counted'] / row['pnl'])} of {number(row['pnl'])}"
        yield f"P of {printable(group['risk_group'])}{part}", [row["counted"]] * 2
    together = max(0.0, -total((row for _, row in counted), "counted"))
    yield f"together max(0, -P), worst in {printable(scan['worst_row'])}", [together] * 2
    if scan["loss"] < together:
        yield "at most what the groups lose by themselves", [scan["loss"]] * 2
