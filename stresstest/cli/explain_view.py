"""An explanation as tables for a terminal: holdings, haircuts band by band, requirements tier by tier, totals."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

Row = dict[str, Any]

STATUS_STYLES = {"ok": "bold green", "call": "bold yellow", "liquidation": "bold red", "default": "bold white on red"}
_QUIET = "dim"
_HEAD = "bold"
_VERSIONS = (("MM", "maintenance"), ("IM", "initial"))


def explain_view(document: Row) -> RenderableType:
    """What `as_document` holds, as one renderable that is made for 100 columns or more; names fold, they never break the layout.

    Text that comes from data is shown as it is: nothing in it is read as markup, and control characters are replaced.
    """
    pools = document["pools"]
    parts: list[RenderableType] = [_heading(document)]
    for pool in pools:
        if len(pools) > 1:
            parts += [Text(), Rule(Text.assemble("Margin pool ", (plain(pool["pool_id"]), _HEAD)), align="left", style=_QUIET)]
        parts += _pool(pool)
    if len(pools) > 1:
        parts += [Text(), Rule(Text("The account: the sum of its pools, and the worst of their states"), align="left", style=_QUIET)]
        parts.append(_pools_table(pools, document["account"]))
    return Group(*parts)


# ---------------------------------------------------------------- numbers and names


def plain(text: object) -> str:
    """Text from data without control characters, which a terminal would obey."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(text))


def money(amount: float | None) -> str:
    """To the cent, with thousands separators; a dash where there is none.

    >>> money(-1234.5), money(-0.001), money(None)
    ('-1,234.50', '0.00', '–')
    """
    if amount is None:
        return "–"
    return f"{amount + 0.0:,.2f}".replace("-0.00", "0.00") if abs(amount) < 0.005 else f"{amount:,.2f}"


def number(amount: float | None) -> str:
    """Seven significant digits with thousands separators: for prices and quantities, whatever their scale.

    >>> number(63250.25), number(0.00001234), number(1500000.0), number(None)
    ('63,250.25', '0.00001234', '1,500,000', '–')
    """
    if amount is None:
        return "–"
    if amount == 0 or not math.isfinite(amount):
        return f"{amount:g}"
    digits = max(0, 6 - math.floor(math.log10(abs(amount))))
    text = f"{amount:,.{min(digits, 12)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float | None, signed: bool = False) -> str:
    """A decimal as per cent, to two places at most.

    >>> percent(0.05), percent(-0.3717, signed=True), percent(0.0045)
    ('5%', '-37.17%', '0.45%')
    """
    if share is None:
        return "–"
    text = f"{100 * share:+.2f}" if signed else f"{100 * share:.2f}"
    return f"{text.rstrip('0').rstrip('.')}%"


def interval(lower: float, upper: float | None) -> str:
    """The edges of a band or tier.

    >>> interval(0.0, 1000000.0), interval(1000000.0, None)
    ('0 to 1,000,000', 'from 1,000,000')
    """
    return f"from {number(lower)}" if upper is None else f"{number(lower)} to {number(upper)}"


# ---------------------------------------------------------------- tables


def _table(*columns: str, names: int = 1) -> Table:
    """Columns of numbers to the right, after `names` columns of text that fold when they are long."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style=_QUIET, pad_edge=False, expand=False)
    for position, column in enumerate(columns):
        if position < names:
            table.add_column(column, overflow="fold", min_width=6)
        else:
            table.add_column(column, justify="right", no_wrap=True)
    return table


def _add(table: Table, *cells: str | Text, style: str = "") -> None:
    # As Text: a string would be read as markup, and an instrument may be called "[red]".
    table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in cells), style=style)


def _section(title: str, body: RenderableType, note: str = "") -> list[RenderableType]:
    return [Text(), Text.assemble((title, _HEAD), (f"  {note}" if note else "", _QUIET)), Padding(body, (0, 0, 0, 2))]


def _status(status: str) -> Text:
    return Text(status.upper(), style=STATUS_STYLES[status])


def _change(amount: float) -> Text:
    return Text(money(amount), style="red" if amount < -0.005 else "green" if amount > 0.005 else "")


def _heading(document: Row) -> RenderableType:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style=_QUIET, no_wrap=True)
    grid.add_column(overflow="fold")
    owner = document["owner_id"]
    of_owner = "" if owner == document["account_id"] else f", of {plain(owner)}"
    grid.add_row(Text("account"), Text.assemble((plain(document["account_id"]), _HEAD), of_owner))
    grid.add_row(Text("scenario"), Text(plain(document["scenario_id"]), style=_HEAD))
    grid.add_row(Text("status"), _status(document["account"]["status"]))
    grid.add_row(Text("amounts"), Text(f"in {plain(document['reporting_currency'])}; MM = maintenance, IM = initial"))
    return grid


def _pool(pool: Row) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if pool["positions"]:
        parts += _section("Positions", _positions(pool["positions"]), "prices in the quote currency")
    balances = [(token, balance) for token in pool["tokens"] for balance in token["balances"]]
    if balances:
        parts += _section("Collateral", _balances(balances), "prices in the asset's price currency")
    if pool["tokens"]:
        parts += _section("Margin balance, token by token", _tokens(pool["tokens"]), "the haircut of a band is on the part inside it")
    if pool["charges"]:
        parts += _section("Requirement, position by position", _charges(pool["charges"]))
    return parts + _section("Totals", _totals(pool["totals"], pool["tokens"]))


def _positions(positions: list[Row]) -> Table:
    table = _table("instrument", "quantity", "base price", "stressed", "move", "base value", "stressed value", "change")
    for row in positions:
        _add(
            table,
            plain(row["instrument_id"]),
            number(row["quantity"]),
            number(row["base_price"]),
            number(row["stressed_price"]),
            percent(row["price_move"], signed=True),
            money(row["base_value"]),
            money(row["stressed_value"]),
            _change(row["value_change"]),
        )
    _sum(
        table,
        4,
        "sum",
        money(_total(positions, "base_value")),
        money(_total(positions, "stressed_value")),
        _change(_total(positions, "value_change")),
    )
    return table


def _balances(balances: list[tuple[Row, Row]]) -> Table:
    table = _table("asset", "location", "quantity", "base price", "stressed", "share", "base value", "stressed value", "change", names=2)
    rows = [row for _, row in balances]
    for token, row in balances:
        _add(
            table,
            plain(token["asset"]),
            plain(row["location"] or ""),
            number(row["amount"]),
            number(row["base_price"]),
            number(row["stressed_price"]),
            percent(row["holding_share"]),
            money(row["base_value"]),
            money(row["stressed_value"]),
            _change(row["value_change"]),
        )
    _sum(table, 5, "sum", money(_total(rows, "base_value")), money(_total(rows, "stressed_value")), _change(_total(rows, "value_change")))
    return table


def _total(rows: Iterable[Row], name: str) -> float:
    return math.fsum(row[name] for row in rows)


def _sum(table: Table, empty: int, title: str, *cells: str | Text) -> None:
    _add(table, title, *[""] * empty, *cells, style=_HEAD)


def _tokens(tokens: list[Row]) -> Table:
    table = _table("token", "band", "haircut MM", "haircut IM", "inside MM", "inside IM", "counts MM", "counts IM", names=2)
    for token in tokens:
        _add(
            table, Text(plain(token["asset"]), style=_HEAD), _netting(token), "", "", *(money(token[f"net_{name}"]) for _, name in _VERSIONS), "", ""
        )
        for band in token["bands"]:
            _add(
                table,
                "",
                interval(band["from"], band["to"]),
                *(_haircut(band[f"haircut_{name}"], band[f"stressed_haircut_{name}"]) for _, name in _VERSIONS),
                *(money(band[f"part_{name}"]) for _, name in _VERSIONS),
                *(money(band[f"kept_{name}"]) for _, name in _VERSIONS),
                style=_QUIET,
            )
        _add(table, "", _counting(token), "", "", "", "", *(money(token[f"margin_value_{name}"]) for _, name in _VERSIONS))
    _sum(table, 5, "sum", *(money(_total(tokens, f"margin_value_{name}")) for _, name in _VERSIONS))
    return table


def _netting(token: Row) -> str:
    joined = token["joined_maintenance"] or token["joined_initial"]
    if not token["rows"]:
        return "P&L and spot positions"
    return "balance + P&L and spot" if joined else "balance"


def _counting(token: Row) -> str:
    debts = [token[f"net_{name}"] < 0 for _, name in _VERSIONS]
    weights = " / ".join(f"{token[f'liability_weight_{name}']:g}" for (_, name), debt in zip(_VERSIONS, debts, strict=True) if debt)
    if any(debts):
        return f"debt x {weights}"
    ratio = "" if token["ratio"] == 1.0 else f" x ratio {token['ratio']:g}"
    return f"after haircut{ratio}, {plain(token['schedule'])}"


def _haircut(base: float, stressed: float) -> str:
    return percent(stressed) if math.isclose(base, stressed, abs_tol=1e-12) else f"{percent(base)} > {percent(stressed)}"


def _charges(charges: list[Row]) -> Table:
    table = _table("position", "tier", "rate MM", "rate IM", "inside", "charge MM", "charge IM", names=2)
    for charge in charges:
        _add(table, Text(plain(charge["subject"]), style=_HEAD), _measure(charge), "", "", "", "", "")
        for tier in charge["tiers"]:
            _add(
                table,
                "",
                interval(tier["from"], tier["to"]),
                *(percent(tier[f"rate_{name}"]) for _, name in _VERSIONS),
                number(tier["part"]),
                *(money(tier[f"charge_{name}"]) for _, name in _VERSIONS),
                style=_QUIET,
            )
        for step, maintenance, initial in _steps(charge):
            _add(table, "", step, "", "", "", money(maintenance), money(initial), style=_QUIET)
        _add(table, "", _scaling(charge), "", "", "", *(money(charge[f"requirement_{name}"]) for _, name in _VERSIONS))
    _sum(table, 4, "sum", *(money(_total(charges, f"requirement_{name}")) for _, name in _VERSIONS))
    return table


def _measure(charge: Row) -> str:
    if charge["rule"] == "long paid option":
        return "long paid option: needs nothing"
    if charge["rule"] == "long margined option":
        return f"long margined option, worth {money(charge['current_value'])}"
    schedule = plain(charge["schedule"])
    if charge["rule"] == "short option":
        return f"short option, {schedule}: {number(charge['contracts'])} contracts"
    size = f"{number(charge['size'])} {plain(charge['currency'])}"
    if charge["rule"] == "net by underlying":
        size = f"long {number(charge['long'])}, short {number(charge['short'])}: net {size}"
    of = f"{number(charge['contracts'])} contracts, {size}" if charge["basis"] == "contracts" or charge["per_contract"] else size
    return f"{schedule}, {'per contract' if charge['per_contract'] else charge['convention']}: {of}"


def _steps(charge: Row) -> Iterable[tuple[str, float | None, float | None]]:
    """Lines between the tiers and the requirement, with their amounts."""
    if charge["rule"] == "short option":
        base = number(charge["short_base"])
        for short, name in _VERSIONS:
            per_unit = (
                f"max({charge[f'short_rate_{name}']:g} x {number(charge['underlying_price'])} - {number(charge['out_of_the_money'])}, "
                f"{charge[f'short_minimum_{name}']:g} x {base}) a unit"
            )
            amounts = (charge[f"unscaled_{name}"], None) if short == "MM" else (None, charge[f"unscaled_{name}"])
            yield (f"{short} {per_unit}", *amounts)
    elif charge["rule"] == "long margined option":
        yield "less the long-option credit", *(charge[f"unscaled_{name}"] for _, name in _VERSIONS)
    elif charge["per_contract"]:
        yield "amount x contracts", charge["tiers_maintenance"], charge["tiers_initial"]
    if charge["spread_maintenance"] or charge["spread_initial"]:
        yield "spread rate x min(long, short)", charge["spread_maintenance"], charge["spread_initial"]
    if charge["leverage_floor"] and charge["leverage_floor"] >= charge["unscaled_initial"]:
        yield f"at least notional / leverage {charge['leverage']:g}", None, charge["leverage_floor"]


def _scaling(charge: Row) -> str:
    factors = [f"{name} {charge[key]:g}" for key, name in (("margin_rate", "margin rate"), ("margin_multiplier", "multiplier")) if charge[key] != 1.0]
    return " x ".join(["required", *factors])


def _totals(totals: Row, tokens: list[Row]) -> RenderableType:
    table = _table("", "MM", "IM")
    kept = [_total(tokens, f"margin_value_{name}") for _, name in _VERSIONS]
    balance = (totals["margin_balance"], totals["margin_balance_initial"])
    required = (totals["maintenance_margin"], totals["initial_margin"])
    _add(table, "tokens after haircut", *map(money, kept))
    _add(table, "+ paid options, and P&L added as it is", *(money(b - k) for b, k in zip(balance, kept, strict=True)))
    _add(table, "= margin balance B", *map(money, balance), style=_HEAD)
    _add(table, "requirement R", *map(money, required), style=_HEAD)
    _add(table, "B - R", *(_change(b - r) for b, r in zip(balance, required, strict=True)))
    _add(table, "shortfall = max(0, R - B)", money(totals["margin_shortfall"]), money(totals["initial_shortfall"]), style=_HEAD)
    k_margin = f"{totals['collateral_kept']:.4g} x {money(totals['base_initial_margin'])}"
    lines = (
        ("equity E", f"collateral {money(totals['collateral_value'])} + positions {money(totals['position_value'])}", totals["equity"]),
        ("change from base", f"collateral {money(totals['collateral_pnl'])} + positions {money(totals['position_pnl'])}", totals["pnl"]),
        ("uncollateralised loss", "max(0, -E)", totals["uncollateralised_loss"]),
        (
            "stress loss over margin",
            f"max(0, {money(-totals['position_pnl'])} - k x base R_IM), k x base R_IM = {k_margin}",
            totals["stress_loss_over_margin"],
        ),
    )
    formulas = Table.grid(padding=(0, 2, 0, 0))
    formulas.add_column(no_wrap=True)
    formulas.add_column(overflow="fold", style=_QUIET)
    formulas.add_column(justify="right", no_wrap=True)
    for name, formula, amount in lines:
        formulas.add_row(Text(name), Text(formula), Text(money(amount), style=_HEAD))
    return Group(table, Text(), formulas, Text(), Text.assemble(_status(totals["status"]), f"  {reason(totals)}"))


def reason(totals: Row) -> str:
    """The sentence behind a status: which figure fell below which."""
    tolerance = f"(tolerance {totals['tolerance']:,.2f})"
    compared = "at or below" if totals["breach_at_equality"] else "below"
    if totals["status"] == "default":
        return f"Equity {money(totals['equity'])} is below zero {tolerance}."
    if totals["status"] == "liquidation":
        return f"Margin balance {money(totals['margin_balance'])} is {compared} the maintenance requirement {money(totals['maintenance_margin'])} {tolerance}."
    if totals["status"] == "call":
        return (
            f"Initial margin balance {money(totals['margin_balance_initial'])} is {compared} the initial requirement "
            f"{money(totals['initial_margin'])} {tolerance}."
        )
    return "The margin balance covers both requirements."


def _pools_table(pools: list[Row], account: Row) -> Table:
    table = _table("pool", "equity", "balance MM", "required MM", "shortfall MM", "shortfall IM", "loss")
    table.add_column("status")
    for name, totals in [*((plain(pool["pool_id"]), pool["totals"]) for pool in pools), ("account", account)]:
        _add(
            table,
            name,
            money(totals["equity"]),
            money(totals["margin_balance"]),
            money(totals["maintenance_margin"]),
            money(totals["margin_shortfall"]),
            money(totals["initial_shortfall"]),
            money(totals["uncollateralised_loss"]),
            _status(totals["status"]),
            style=_HEAD if totals is account else "",
        )
    return table
