"""An explanation as tables for a terminal: holdings, haircuts band by band, requirements tier by tier, totals."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from stresstest.cli.explain_add_ons import add_ons_table
from stresstest.cli.explain_attribution import attribution_table
from stresstest.cli.explain_blocks import QUIET, STRONG, VERSIONS, Row, add_row, both, changed, figures_table, once, section, step, strong_name, total
from stresstest.cli.explain_charges import charges_table
from stresstest.cli.explain_grid import scan_sections
from stresstest.cli.explain_orders import orders_table
from stresstest.cli.explain_strategies import strategies_table
from stresstest.cli.figures import interval, money, money_of, number, percent
from stresstest.cli.output import printable
from stresstest.cli.value_formula import formula, option_inputs
from stresstest.scenarios.scenario_set import BASE

STATUS_STYLES = {"ok": "bold green", "call": "bold yellow", "liquidation": "bold red", "default": "bold white on red"}


def explain_view(document: Row) -> RenderableType:
    """What `as_document` holds, as one renderable made for 100 columns or more; long names fold.

    Text that comes from data is shown as it is: nothing in it is read as markup, and control characters are replaced.
    """
    pools = document["pools"]
    parts: list[RenderableType] = [_heading(document)]
    for pool in pools:
        if len(pools) > 1:
            parts += [Text(), Rule(Text.assemble("Margin pool ", (printable(pool["pool_id"]), STRONG)), align="left", style=QUIET)]
        parts += _pool(pool, document["reporting_currency"])
    if len(pools) > 1:
        parts += [Text(), Rule(Text("The account: the sum of its pools, its status the worst of theirs"), align="left", style=QUIET)]
        parts.append(_account(pools, document["account"]))
    if "attribution" in document and document["scenario_id"] != BASE.id:
        account = document["account"]
        table = attribution_table(document["attribution"], account["margin_balance"] - account["maintenance_margin"])
        parts += section("Why it changed from base", table, "margin balance less maintenance margin, the mean of two orders")
    return Group(*parts)


def reason(totals: Row) -> str:
    """The sentence behind the status of a pool: which figure fell below which."""
    tolerance = f"(tolerance {money(totals['tolerance'])})"
    compared = "at or below" if totals["breach_at_equality"] else "below"
    if totals["status"] == "default":
        return f"Equity {money(totals['equity'])} is below zero {tolerance}."
    if totals["status"] == "liquidation":
        balance, margin = money(totals["margin_balance"]), money(totals["maintenance_margin"])
        return f"Margin balance {balance} is {compared} the maintenance requirement {margin} {tolerance}."
    if totals["status"] == "call":
        balance, margin = money(totals["margin_balance_initial"]), money(totals["initial_margin"])
        return f"Initial margin balance {balance} is {compared} the initial requirement {margin} {tolerance}."
    return "The margin balance covers both requirements."


def _status(status: str) -> Text:
    return Text(status.upper(), style=STATUS_STYLES[status])


def _heading(document: Row) -> RenderableType:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style=QUIET, no_wrap=True)
    grid.add_column(overflow="fold")
    owner = "" if document["owner_id"] == document["account_id"] else f", of {printable(document['owner_id'])}"
    grid.add_row(Text("account"), Text.assemble(strong_name(document["account_id"]), owner))
    grid.add_row(Text("scenario"), strong_name(document["scenario_id"]))
    grid.add_row(Text("status"), _status(document["account"]["status"]))
    if document["account"]["worst_row"] is not None:
        grid.add_row(Text("worst row"), Text(printable(document["account"]["worst_row"])))
    grid.add_row(Text("amounts"), Text(f"in {printable(document['reporting_currency'])}; MM = maintenance, IM = initial"))
    return grid


def _pool(pool: Row, reporting: str) -> Iterator[RenderableType]:
    balances = [{"asset": token["asset"], **balance} for token in pool["tokens"] for balance in token["balances"]]
    if pool["positions"]:
        yield from section("Positions", _positions(pool["positions"]), "prices in the quote currency, before and after")
        yield from section(
            "Value, position by position", _values(pool["positions"], reporting), "quantity x contract size x (price - entry), stressed"
        )
    if balances:
        yield from section("Collateral", _balances(balances), "prices in the asset's price currency, before and after")
    if pool["tokens"]:
        yield from section("Margin balance, token by token", _tokens(pool["tokens"]), "a band's haircut is on the part inside it")
    if pool["charges"]:
        yield from section("Requirement, position by position", charges_table(pool["charges"]))
    if pool["strategies"]:
        yield from section("Requirement, strategy by strategy", strategies_table(pool["strategies"]), "what is recognised together, leg by leg")
    if pool["orders"]:
        yield from section("Open orders, side by side", orders_table(pool["orders"]), "of every instrument the worse side counts")
    if pool["scans"]:
        yield from scan_sections(pool["scans"], pool["credits"])
    if pool["add_ons"]:
        yield from section("Add-ons, line by line", add_ons_table(pool["add_ons"]), "measure with its sign; the line is rate x size")
    yield from section("Totals", _totals(pool["totals"], pool["tokens"], pool["positions"]))


def _positions(rows: list[Row]) -> Table:
    table = figures_table("instrument", "quantity", "base price", "stressed", "move", "value", "change")
    value, change = total(rows, "stressed_value"), total(rows, "value_change")
    show = money_of([value, change, *(row["stressed_value"] for row in rows), *(row["value_change"] for row in rows)])
    for row in rows:
        add_row(
            table,
            printable(row["instrument_id"]),
            number(row["quantity"]),
            number(row["base_price"]),
            number(row["stressed_price"]),
            percent(row["price_move"], signed=True),
            show(row["stressed_value"]),
            changed(row["value_change"], show(row["value_change"])),
        )
    add_row(table, "sum", "", "", "", "", show(value), changed(change, show(change)), style=STRONG)
    return table


def _values(rows: list[Row], reporting: str) -> Table:
    """What is to be multiplied and added to have the stressed value of each position again."""
    table = figures_table("instrument", "formula", "value", names=2)
    show = money_of(row["stressed_value"] for row in rows)
    for row in rows:
        add_row(table, printable(row["instrument_id"]), formula(row, reporting), show(row["stressed_value"]))
        marked = both(row, "marked_value")
        if any(value != row["stressed_value"] for value in marked):
            add_row(table, "", "in the margin balance at conservative marks, MM / IM", " / ".join(map(show, marked)), style=QUIET)
        if row["stressed_vol"] is not None:
            add_row(table, "", option_inputs(row), "", style=QUIET)
    return table


def _balances(rows: list[Row]) -> Table:
    table = figures_table("asset", "location", "quantity", "base price", "stressed", "share", "value", "change", names=2)
    value, change = total(rows, "stressed_value"), total(rows, "value_change")
    show = money_of([value, change, *(row["stressed_value"] for row in rows), *(row["value_change"] for row in rows)])
    for row in rows:
        add_row(
            table,
            printable(row["asset"]),
            printable(row["location"] or ""),
            number(row["amount"]),
            number(row["base_price"]),
            number(row["stressed_price"]),
            percent(row["holding_share"]),
            show(row["stressed_value"]),
            changed(row["value_change"], show(row["value_change"])),
        )
    add_row(table, "sum", "", "", "", "", "", show(value), changed(change, show(change)), style=STRONG)
    return table


def _tokens(tokens: list[Row]) -> Table:
    # P&L weights can make the two versions hold different amounts; mostly they do not, and one column says it.
    differ = any(token["joined_maintenance"] != token["joined_initial"] for token in tokens)
    amounts = ["amount MM", "amount IM"] if differ else ["amount"]
    table = figures_table("token, band", "haircut MM", "haircut IM", *amounts, "counts MM", "counts IM")
    totals = [total(tokens, f"margin_value_{version}") for version in VERSIONS]
    show = money_of([*totals, *(amount for token in tokens for amount in (token["balance"], *both(token, "net"), *both(token, "margin_value")))])

    def inside(values: list[float]) -> list[str]:
        return [show(value) for value in values[: len(amounts)]]

    empty = [""] * 2
    for token in tokens:
        add_row(table, strong_name(token["asset"]))
        if token["rows"]:
            add_row(table, step("collateral"), *empty, *inside([token["balance"]] * 2), style=QUIET)
        if any(both(token, "joined")):
            add_row(table, step("+ P&L and spot positions"), *empty, *inside(both(token, "joined")), style=QUIET)
            add_row(table, step("= net"), *empty, *inside(both(token, "net")), style=QUIET)
        if token["ratio"] != 1.0:
            add_row(
                table,
                step(f"x collateral ratio {token['ratio']:g}"),
                *empty,
                *inside([max(net, 0.0) * token["ratio"] for net in both(token, "net")]),
                style=QUIET,
            )
        for text in _weighing(token):
            add_row(table, step(text), *empty, *[""] * len(amounts), "", "", style=QUIET)
        for band in token["bands"]:
            haircuts = (_haircut(band[f"haircut_{version}"], band[f"stressed_haircut_{version}"]) for version in VERSIONS)
            add_row(
                table, step(interval(band["from"], band["to"])), *haircuts, *inside(both(band, "part")), *map(show, both(band, "kept")), style=QUIET
            )
        add_row(table, step(_counting(token)), *empty, *[""] * len(amounts), *map(show, both(token, "margin_value")))
    add_row(table, "sum", *empty, *[""] * len(amounts), *map(show, totals), style=STRONG)
    return table


def _weighing(token: Row) -> Iterator[str]:
    """What moves the weights of a token away from its bands, each where it does; maintenance / initial."""

    def pair(stem: str) -> str:
        return " / ".join(f"{each:.4g}" for each in both(token, stem))

    owned, owed = (any(sign * net > 0.0 for net in both(token, "net")) for sign in (1.0, -1.0))
    if owned and set(both(token, "price_low")) != {1.0}:
        yield f"conservative price: x {pair('price_low')}"
    if owned and set(both(token, "deposit_share")) != {1.0}:
        yield f"venue's deposits: x {pair('deposit_share')}"
    if owned and token["most_maintenance"] is not None:
        yield f"by its size at most {pair('most')}"
    if owed and set(both(token, "price_high")) != {1.0}:
        yield f"conservative price: debt x {pair('price_high')}"
    if owed and set(both(token, "borrow_multiple")) != {1.0}:
        yield f"venue's borrows: debt x {pair('borrow_multiple')}"


def _counting(token: Row) -> str:
    weights = [f"{weight:g}" for weight, net in zip(both(token, "debt_weight"), both(token, "net"), strict=True) if net < 0]
    return f"debt x {once(weights)}" if weights else f"counts, by {printable(token['schedule'])}"


def _haircut(base: float, stressed: float) -> str:
    return percent(stressed) if math.isclose(base, stressed, abs_tol=1e-12) else f"{percent(base)} > {percent(stressed)}"


def _added(positions: list[Row]) -> Iterator[tuple[str, list[float]]]:
    """What counts without being a token's: paid options, and P&L of models with `pnl_into: value`; each where there is any."""
    added = [row for row in positions if any(both(row, "added"))]
    for name, rows in (
        ("+ paid options", [row for row in added if row["style"] == "paid option"]),
        ("+ P&L, added as it is", [row for row in added if row["style"] != "paid option"]),
    ):
        if rows:
            yield name, [total(rows, f"added_{version}") for version in VERSIONS]


def _totals(totals: Row, tokens: list[Row], positions: list[Row]) -> RenderableType:
    table = figures_table("", "MM", "IM")
    kept = [total(tokens, f"margin_value_{version}") for version in VERSIONS]
    balance, required = (totals["margin_balance"], totals["margin_balance_initial"]), (totals["maintenance_margin"], totals["initial_margin"])
    add_row(table, "tokens after haircut", *map(money, kept))
    for name, amounts in _added(positions):
        add_row(table, name, *map(money, amounts))
    add_row(table, "= margin balance B", *map(money, balance), style=STRONG)
    add_row(table, "requirement R", *map(money, required), style=STRONG)
    add_row(table, "B - R", *(changed(b - r, money(b - r)) for b, r in zip(balance, required, strict=True)))
    add_row(table, "shortfall = max(0, R - B)", money(totals["margin_shortfall"]), money(totals["initial_shortfall"]), style=STRONG)
    covered = f"{totals['collateral_kept']:.4g} x base R_IM {money(totals['base_initial_margin'])}"
    lines = (
        ("equity E", f"collateral {money(totals['collateral_value'])} + positions {money(totals['position_value'])}", totals["equity"]),
        ("change from base", f"collateral {money(totals['collateral_pnl'])} + positions {money(totals['position_pnl'])}", totals["pnl"]),
        ("uncollateralised loss", "max(0, -E)", totals["uncollateralised_loss"]),
        ("stress loss over margin", f"max(0, {money(-totals['position_pnl'])} - {covered})", totals["stress_loss_over_margin"]),
    )
    formulas = Table.grid(padding=(0, 2, 0, 0))
    formulas.add_column(no_wrap=True)
    formulas.add_column(justify="right", no_wrap=True)
    formulas.add_column(overflow="fold", style=QUIET)
    for name, made_of, amount in lines:
        formulas.add_row(Text(name), Text(money(amount), style=STRONG), Text(f"= {made_of}"))
    verdict = Table.grid(padding=(0, 2, 0, 0))
    verdict.add_row(_status(totals["status"]), Text(reason(totals)))
    return Group(table, Text(), formulas, Text(), verdict)


def _account(pools: list[Row], account: Row) -> Table:
    table = figures_table("pool", "equity", "balance MM", "required MM", "shortfall MM", "shortfall IM")
    table.add_column("status")
    every = [*((pool["pool_id"], pool["totals"]) for pool in pools), ("account", account)]
    measures = ("equity", "margin_balance", "maintenance_margin", "margin_shortfall", "initial_shortfall")
    show = money_of([totals[measure] for _, totals in every for measure in measures])
    for name, totals in every:
        amounts = (show(totals[measure]) for measure in measures)
        add_row(table, printable(name), *amounts, _status(totals["status"]), style=STRONG if totals is account else "")
    return table
