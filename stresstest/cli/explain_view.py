"""An explanation as tables for a terminal: holdings, haircuts band by band, requirements tier by tier, totals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from stresstest.cli.figures import interval, money, money_of, number, percent
from stresstest.cli.output import printable
from stresstest.cli.value_formula import formula, option_inputs

Row = dict[str, Any]
Cell = str | Text

STATUS_STYLES = {"ok": "bold green", "call": "bold yellow", "liquidation": "bold red", "default": "bold white on red"}
_QUIET = "dim"
_STRONG = "bold"
_VERSIONS = ("maintenance", "initial")


def explain_view(document: Row) -> RenderableType:
    """What `as_document` holds, as one renderable made for 100 columns or more; long names fold.

    Text that comes from data is shown as it is: nothing in it is read as markup, and control characters are replaced.
    """
    pools = document["pools"]
    parts: list[RenderableType] = [_heading(document)]
    for pool in pools:
        if len(pools) > 1:
            parts += [Text(), Rule(Text.assemble("Margin pool ", (printable(pool["pool_id"]), _STRONG)), align="left", style=_QUIET)]
        parts += _pool(pool, document["reporting_currency"])
    if len(pools) > 1:
        parts += [Text(), Rule(Text("The account: the sum of its pools, its status the worst of theirs"), align="left", style=_QUIET)]
        parts.append(_account(pools, document["account"]))
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


# ---------------------------------------------------------------- building blocks


def _table(*columns: str, names: int = 1) -> Table:
    """`names` columns of text, which fold when they are long, then columns of numbers, which never do."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style=_QUIET, pad_edge=False)
    for position, column in enumerate(columns):
        if position < names:
            table.add_column(column, overflow="fold", min_width=8)
        else:
            table.add_column(column, justify="right", no_wrap=True)
    return table


def _add(table: Table, *cells: Cell, style: str = "") -> None:
    # As Text: a string would be read as markup, and an instrument may be called "[red]".
    table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in cells), style=style)


def _step(text: str) -> Text:
    """A line below the thing it belongs to; what folds stays indented less than the next thing's name."""
    return Text(f"  {text}")


def _name(text: object) -> Text:
    return Text(printable(text), style=_STRONG)


def _section(title: str, body: RenderableType, note: str = "") -> list[RenderableType]:
    return [Text(), Text.assemble((title, _STRONG), (f"  {note}" if note else "", _QUIET)), Padding(body, (0, 0, 0, 2))]


def _status(status: str) -> Text:
    return Text(status.upper(), style=STATUS_STYLES[status])


def _change(amount: float, text: str) -> Text:
    return Text(text, style="red" if amount < -0.005 else "green" if amount > 0.005 else "")


def _total(rows: Iterable[Row], name: str) -> float:
    return math.fsum(row[name] for row in rows)


def _both(row: Row, stem: str) -> list[float]:
    return [row[f"{stem}_{version}"] for version in _VERSIONS]


# ---------------------------------------------------------------- sections


def _heading(document: Row) -> RenderableType:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style=_QUIET, no_wrap=True)
    grid.add_column(overflow="fold")
    owner = "" if document["owner_id"] == document["account_id"] else f", of {printable(document['owner_id'])}"
    grid.add_row(Text("account"), Text.assemble(_name(document["account_id"]), owner))
    grid.add_row(Text("scenario"), _name(document["scenario_id"]))
    grid.add_row(Text("status"), _status(document["account"]["status"]))
    grid.add_row(Text("amounts"), Text(f"in {printable(document['reporting_currency'])}; MM = maintenance, IM = initial"))
    return grid


def _pool(pool: Row, reporting: str) -> Iterator[RenderableType]:
    balances = [{"asset": token["asset"], **balance} for token in pool["tokens"] for balance in token["balances"]]
    if pool["positions"]:
        yield from _section("Positions", _positions(pool["positions"]), "prices in the quote currency, before and after")
        yield from _section(
            "Value, position by position", _values(pool["positions"], reporting), "quantity x contract size x (price - entry), stressed"
        )
    if balances:
        yield from _section("Collateral", _balances(balances), "prices in the asset's price currency, before and after")
    if pool["tokens"]:
        yield from _section("Margin balance, token by token", _tokens(pool["tokens"]), "a band's haircut is on the part inside it")
    if pool["charges"]:
        yield from _section("Requirement, position by position", _charges(pool["charges"]))
    yield from _section("Totals", _totals(pool["totals"], pool["tokens"], pool["positions"]))


def _positions(rows: list[Row]) -> Table:
    table = _table("instrument", "quantity", "base price", "stressed", "move", "value", "change")
    value, change = _total(rows, "stressed_value"), _total(rows, "value_change")
    show = money_of([value, change, *(row["stressed_value"] for row in rows), *(row["value_change"] for row in rows)])
    for row in rows:
        _add(
            table,
            printable(row["instrument_id"]),
            number(row["quantity"]),
            number(row["base_price"]),
            number(row["stressed_price"]),
            percent(row["price_move"], signed=True),
            show(row["stressed_value"]),
            _change(row["value_change"], show(row["value_change"])),
        )
    _add(table, "sum", "", "", "", "", show(value), _change(change, show(change)), style=_STRONG)
    return table


def _values(rows: list[Row], reporting: str) -> Table:
    """What is to be multiplied and added to have the stressed value of each position again."""
    table = _table("instrument", "formula", "value", names=2)
    show = money_of(row["stressed_value"] for row in rows)
    for row in rows:
        _add(table, printable(row["instrument_id"]), formula(row, reporting), show(row["stressed_value"]))
        if row["stressed_vol"] is not None:
            _add(table, "", option_inputs(row), "", style=_QUIET)
    return table


def _balances(rows: list[Row]) -> Table:
    table = _table("asset", "location", "quantity", "base price", "stressed", "share", "value", "change", names=2)
    value, change = _total(rows, "stressed_value"), _total(rows, "value_change")
    show = money_of([value, change, *(row["stressed_value"] for row in rows), *(row["value_change"] for row in rows)])
    for row in rows:
        _add(
            table,
            printable(row["asset"]),
            printable(row["location"] or ""),
            number(row["amount"]),
            number(row["base_price"]),
            number(row["stressed_price"]),
            percent(row["holding_share"]),
            show(row["stressed_value"]),
            _change(row["value_change"], show(row["value_change"])),
        )
    _add(table, "sum", "", "", "", "", "", show(value), _change(change, show(change)), style=_STRONG)
    return table


def _tokens(tokens: list[Row]) -> Table:
    # P&L weights can make the two versions hold different amounts; mostly they do not, and one column says it.
    differ = any(token["joined_maintenance"] != token["joined_initial"] for token in tokens)
    amounts = ["amount MM", "amount IM"] if differ else ["amount"]
    table = _table("token, band", "haircut MM", "haircut IM", *amounts, "counts MM", "counts IM")
    totals = [_total(tokens, f"margin_value_{version}") for version in _VERSIONS]
    show = money_of([*totals, *(amount for token in tokens for amount in (token["balance"], *_both(token, "net"), *_both(token, "margin_value")))])

    def inside(values: list[float]) -> list[str]:
        return [show(value) for value in values[: len(amounts)]]

    empty = [""] * 2
    for token in tokens:
        _add(table, _name(token["asset"]))
        if token["rows"]:
            _add(table, _step("collateral"), *empty, *inside([token["balance"]] * 2), style=_QUIET)
        if any(_both(token, "joined")):
            _add(table, _step("+ P&L and spot positions"), *empty, *inside(_both(token, "joined")), style=_QUIET)
            _add(table, _step("= net"), *empty, *inside(_both(token, "net")), style=_QUIET)
        if token["ratio"] != 1.0:
            _add(
                table,
                _step(f"x collateral ratio {token['ratio']:g}"),
                *empty,
                *inside([max(net, 0.0) * token["ratio"] for net in _both(token, "net")]),
                style=_QUIET,
            )
        for band in token["bands"]:
            haircuts = (_haircut(band[f"haircut_{version}"], band[f"stressed_haircut_{version}"]) for version in _VERSIONS)
            _add(
                table,
                _step(interval(band["from"], band["to"])),
                *haircuts,
                *inside(_both(band, "part")),
                *map(show, _both(band, "kept")),
                style=_QUIET,
            )
        _add(table, _step(_counting(token)), *empty, *[""] * len(amounts), *map(show, _both(token, "margin_value")))
    _add(table, "sum", *empty, *[""] * len(amounts), *map(show, totals), style=_STRONG)
    return table


def _counting(token: Row) -> str:
    weights = [f"{weight:g}" for weight, net in zip(_both(token, "liability_weight"), _both(token, "net"), strict=True) if net < 0]
    return f"debt x {' / '.join(dict.fromkeys(weights))}" if weights else f"counts, by {printable(token['schedule'])}"


def _haircut(base: float, stressed: float) -> str:
    return percent(stressed) if math.isclose(base, stressed, abs_tol=1e-12) else f"{percent(base)} > {percent(stressed)}"


def _charges(charges: list[Row]) -> Table:
    table = _table("position, tier", "rate MM", "rate IM", "inside", "charge MM", "charge IM")
    totals = [_total(charges, f"requirement_{version}") for version in _VERSIONS]
    show = money_of([*totals, *(amount for charge in charges for amount in _both(charge, "requirement"))])
    for charge in charges:
        _add(table, _name(charge["subject"]))
        lines = {"short option": _short_option, "long paid option": _long_option, "long margined option": _long_option}.get(charge["rule"], _tiers)
        for text, rates, inside, amounts in lines(charge):
            _add(
                table,
                _step(text),
                *(map(percent, rates) if rates else ("", "")),
                inside,
                *(map(show, amounts) if amounts else ("", "")),
                style=_QUIET,
            )
        if charge["rule"] == "long paid option":
            continue  # nothing times anything is still nothing
        factors = [
            f"{name} {charge[key]:g}" for key, name in (("margin_rate", "margin rate"), ("margin_multiplier", "multiplier")) if charge[key] != 1
        ]
        _add(table, _step(" x ".join(["required", *factors])), "", "", "", *map(show, _both(charge, "requirement")))
    _add(table, "sum", "", "", "", *map(show, totals), style=_STRONG)
    return table


Line = tuple[str, list[float] | None, str, list[float | None] | list[float] | None]
"""Text, rates, what is inside, amounts; rates and amounts for maintenance and initial."""


def _tiers(charge: Row) -> Iterator[Line]:
    currency, schedule = printable(charge["currency"]), printable(charge["schedule"])
    if charge["rule"] == "net by underlying":
        yield "long, over expiries", None, number(charge["long"]), None
        yield "short", None, number(charge["short"]), None
    if charge["per_contract"]:
        yield f"{schedule}: {currency} a contract", None, number(charge["contracts"]), _both(charge, "tiers")
    else:
        contracts = charge["basis"] == "contracts"
        yield (
            f"{schedule}, {charge['convention']}, {'contracts' if contracts else currency}",
            None,
            number(charge["contracts" if contracts else "size"]),
            None,
        )
    for tier in charge["tiers"]:
        deductions = dict.fromkeys(number(each) for each in _both(tier, "deduction"))
        less = f", less {' / '.join(deductions)}" if tier["part"] and any(_both(tier, "deduction")) else ""
        yield interval(tier["from"], tier["to"]) + less, _both(tier, "rate"), number(tier["part"]), _both(tier, "charge")
    if charge["currency_value"] != 1.0 and not charge["per_contract"]:
        yield f"x {currency} at {number(charge['currency_value'])}", None, "", _both(charge, "tiers")
    if any(_both(charge, "spread")):
        yield "spread, on min(long, short)", _both(charge, "spread_rate"), number(min(charge["long"], charge["short"])), _both(charge, "spread")
    if charge["leverage_floor"] and charge["leverage_floor"] >= charge["unscaled_initial"]:
        yield f"at least 1 / leverage {charge['leverage']:g}", None, number(charge["notional"]), [None, charge["leverage_floor"]]


def _short_option(charge: Row) -> Iterator[Line]:
    price, out_of_the_money, units = charge["underlying_price"], charge["out_of_the_money"], charge["units"] * charge["strike_currency_value"]
    rates, minimums = _both(charge, "short_rate"), _both(charge, "short_minimum")
    less = f" - {number(out_of_the_money)} otm" if out_of_the_money else ""
    yield f"short, {printable(charge['schedule'])}: the larger of", None, number(charge["units"]), None
    yield f"{number(price)}{less}", rates, "", [(rate * price - out_of_the_money) * units for rate in rates]
    yield f"minimum, on {number(charge['short_base'])}", minimums, "", [rate * charge["short_base"] * units for rate in minimums]


def _long_option(charge: Row) -> Iterator[Line]:
    if charge["rule"] == "long paid option":
        yield "long and paid: needs nothing", None, number(charge["contracts"]), _both(charge, "requirement")
    else:
        yield (
            "long: value less its credit",
            [1.0 - credit for credit in _both(charge, "long_option_credit")],
            money(charge["current_value"]),
            _both(charge, "unscaled"),
        )


def _added(positions: list[Row]) -> Iterator[tuple[str, list[float]]]:
    """What counts without being a token's: paid options, and P&L of models with `pnl_into: value`; each where there is any."""
    added = [row for row in positions if any(_both(row, "added"))]
    for name, rows in (
        ("+ paid options", [row for row in added if row["style"] == "paid option"]),
        ("+ P&L, added as it is", [row for row in added if row["style"] != "paid option"]),
    ):
        if rows:
            yield name, [_total(rows, f"added_{version}") for version in _VERSIONS]


def _totals(totals: Row, tokens: list[Row], positions: list[Row]) -> RenderableType:
    table = _table("", "MM", "IM")
    kept = [_total(tokens, f"margin_value_{version}") for version in _VERSIONS]
    balance, required = (totals["margin_balance"], totals["margin_balance_initial"]), (totals["maintenance_margin"], totals["initial_margin"])
    _add(table, "tokens after haircut", *map(money, kept))
    for name, amounts in _added(positions):
        _add(table, name, *map(money, amounts))
    _add(table, "= margin balance B", *map(money, balance), style=_STRONG)
    _add(table, "requirement R", *map(money, required), style=_STRONG)
    _add(table, "B - R", *(_change(b - r, money(b - r)) for b, r in zip(balance, required, strict=True)))
    _add(table, "shortfall = max(0, R - B)", money(totals["margin_shortfall"]), money(totals["initial_shortfall"]), style=_STRONG)
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
    formulas.add_column(overflow="fold", style=_QUIET)
    for name, made_of, amount in lines:
        formulas.add_row(Text(name), Text(money(amount), style=_STRONG), Text(f"= {made_of}"))
    verdict = Table.grid(padding=(0, 2, 0, 0))
    verdict.add_row(_status(totals["status"]), Text(reason(totals)))
    return Group(table, Text(), formulas, Text(), verdict)


def _account(pools: list[Row], account: Row) -> Table:
    table = _table("pool", "equity", "balance MM", "required MM", "shortfall MM", "shortfall IM")
    table.add_column("status")
    every = [*((pool["pool_id"], pool["totals"]) for pool in pools), ("account", account)]
    measures = ("equity", "margin_balance", "maintenance_margin", "margin_shortfall", "initial_shortfall")
    show = money_of([totals[measure] for _, totals in every for measure in measures])
    for name, totals in every:
        amounts = (show(totals[measure]) for measure in measures)
        _add(table, printable(name), *amounts, _status(totals["status"]), style=_STRONG if totals is account else "")
    return table
