"""Pages of the worst accounts: figures, the way from equity to excess or shortfall, and what the account holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import polars as pl

from stresstest.report.answer import Names, Record
from stresstest.report.attribution import accounts_by_kind, why
from stresstest.report.cells import amount_cell, plain_cell, price_cell, status_cell, text_cell
from stresstest.report.charts.waterfall import STEP_EMS
from stresstest.report.formats import HALF_A_CENT, chart_label, count, money, named, plural_count, scale_for, shortened, shown
from stresstest.report.parts import Column, Figure, Row, Step, TableView
from stresstest.report.view import AccountPage

PRINTED_HOLDINGS = 7
"""Lines on paper, where two accounts share a page; the name of an isolated pool takes a second one."""
PRINTED_ALONE = 24
"""The same for an account that is the only one."""
LISTED_HOLDINGS = 60
NAMED_POOLS = 3
CROSS = "cross"

_STEP_WORDS = {
    "equity at base": "Equity at base",
    "position P&L": "Positions",
    "collateral P&L": "Collateral",
    "collateral lost": "Collateral lost",
    "equity": "Equity in the scenario",
    "collateral ratio": "Collateral ratio",
    "haircut": "Haircuts",
    "liability weight": "Weight of borrows",
    "profit not counted": "Profit not counted",
    "long options not counted": "Long options not counted",
    "margin balance": "Margin balance",
    "maintenance margin": "Maintenance margin",
    "surplus elsewhere": "Surplus of other pools",
    "shortfall": "Shortfall",
}
_KIND_WORDS = {"position": "position", "deposit": "deposit", "borrow": "borrow", "net": "net requirement"}


def account_pages(
    steps: pl.DataFrame | None,
    holdings: pl.DataFrame | None,
    pools: pl.DataFrame | None,
    ranked: pl.DataFrame,
    names: Names,
    currency: str,
    attribution: pl.DataFrame | None = None,
) -> tuple[AccountPage, ...]:
    """A page for every account that the run explains, in the order of the table of worst accounts.

    `ranked` is what `worst_accounts` gave; `steps` and `holdings` are the tables account_steps and account_holdings, of runs that have them;
    `pools` are rows of pool_scenario: `account_id, pool_id, scenario_id, margin_shortfall`, where accounts have isolated pools; `attribution` is
    that table, of runs that have it.
    """
    if steps is None or holdings is None or steps.is_empty():
        return ()
    steps_of, lines_of = _by_account(steps, "step"), _by_account(holdings, "place")
    found = ranked.filter(pl.col("account_id").is_in(list(steps_of))).to_dicts()
    short_of = {} if pools is None else _short_pools(pools, found)
    room = PRINTED_HOLDINGS if len(found) > 1 else PRINTED_ALONE
    kinds_of = {} if attribution is None else accounts_by_kind(attribution.filter(pl.col("account_id").is_in(list(steps_of))))
    pages = []
    for place, account in enumerate(found, 1):
        key = account["account_id"]
        table = _holdings(place, lines_of.get(key, []), short_of.get(key, {}), room, currency)
        said = why(kinds_of[key], account) if key in kinds_of else ""
        pages.append(_page(place, account, steps_of[key], table, said, names, currency))
    return tuple(pages)


def _short_pools(pools: pl.DataFrame, accounts: Sequence[Record]) -> dict[str, dict[str, float]]:
    """By account the pools that are short in its own worst scenario, with their shortfalls, the largest first."""
    wanted = pl.DataFrame([{name: account[name] for name in ("account_id", "scenario_id")} for account in accounts])
    short = pools.filter(pl.col("margin_shortfall") >= HALF_A_CENT).join(wanted, on=["account_id", "scenario_id"], how="semi")
    found: dict[str, dict[str, float]] = {}
    for row in short.sort("margin_shortfall", "pool_id", descending=[True, False]).to_dicts():
        found.setdefault(row["account_id"], {})[row["pool_id"]] = row["margin_shortfall"]
    return found


def _by_account(frame: pl.DataFrame, order: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in frame.sort("account_id", order).to_dicts():
        found.setdefault(row["account_id"], []).append(row)
    return found


def _page(place: int, account: Record, steps: Sequence[Record], holdings: TableView, said: str, names: Names, currency: str) -> AccountPage:
    title = shortened(named(account["name"], account["account_id"]), 70)
    about = [f"account {shortened(shown(account['account_id']), 40)}"] if title != shown(account["account_id"]) else []
    about += [f"owner {shortened(shown(account['owner_id']), 40)}"]
    about += [shortened(shown(account["segment"]), 30)] if account["segment"] else []
    about += [f"gross notional {currency} {money(account['gross_notional'])}"]
    worst = shortened(names.get(account["scenario_id"], shown(account["scenario_id"])), 80)

    def figure(label: str, name: str, before: str | None = None) -> Figure:
        note = "" if before is None else f"{money(account[before])} at base"
        return Figure(label, money(account[name]), currency, note, "fail" if name.endswith("loss") and account[name] > 0 else "")

    return AccountPage(
        place,
        account["account_id"],
        title,
        f"{', '.join(about)}; worst in {worst}",
        status_cell(account["status"]),
        (
            figure("Equity", "equity_after", "equity"),
            figure("Margin balance", "margin_balance", "margin_balance_base"),
            figure("Maintenance margin", "maintenance_margin", "maintenance_margin_base"),
            figure("Margin shortfall", "margin_shortfall"),
            figure("Uncollateralised loss", "uncollateralised_loss"),
            figure("Loss over margin", "stress_loss_over_margin"),
        ),
        tuple(waterfall_step(step, last=step is steps[-1]) for step in steps),
        holdings,
        said,
    )


def waterfall_step(step: Mapping[str, Any], last: bool) -> Step:
    """A row of account_steps as a step of the chart: what it is, and of which underlying or asset."""
    if step["kind"] == "excess":
        words = "Balance less requirement" if not last else "Excess" if step["amount"] >= 0 else "Shortfall"
    else:
        words = _STEP_WORDS[step["kind"]]
    if step["subject"] is not None:
        words = f"{words}, {shown(step['subject'])}"
    elif not step["total"] and step["subjects"] > 1:
        words = f"{words}, {count(step['subjects'])} others" if step["kind"] in ("position P&L", "collateral P&L") else words
    return Step(chart_label(words, words, STEP_EMS), float(step["amount"]), bool(step["total"]))


def _by_weight(lines: Sequence[Record], short: Mapping[str, float]) -> list[Record]:
    """Lines of pools that are short before others, then by what they gain or lose, deposits like positions, then by their size."""

    def weight(row: Record) -> tuple[bool, bool, float, float, int]:
        size = max(abs(row["base_value"] or 0.0), row["maintenance_margin"] or 0.0)
        rest = row["item"] is None  # many small lines in one
        return bool(short) and row["pool_id"] not in short, rest, -abs(row["value_change"] or 0.0), -size, row["place"]

    return sorted(lines, key=weight)


def _holdings(place: int, lines: Sequence[Record], short: Mapping[str, float], room: int, currency: str) -> TableView:
    listed = _by_weight(lines, short)[:LISTED_HOLDINGS]
    several = any(row["pool_id"] != CROSS for row in lines)
    taken = list(accumulate(1 if row["pool_id"] == CROSS else 2 for row in listed))
    printed = sum(lines_so_far <= room for lines_so_far in taken)
    scale = scale_for([float(row[name]) for row in listed for name in ("base_value", "stressed_value", "value_change") if row[name] is not None])
    unit = scale.unit(currency)
    columns = (
        Column("Holding", "text", 21),
        Column("What", "text", 20),
        Column("Quantity", "number", 11),
        Column("Price at base", "number", 10),
        Column("Price stressed", "number", 10),
        Column("Value at base", "number", 8.5, unit),
        Column("Value change", "number", 8.5, unit),
        Column("Maintenance margin", "number", 11, unit),
    )
    rows = tuple(
        Row(
            (
                text_cell(f"{plural_count(row['lines'], 'other line')}" if row["item"] is None else row["item"], 26),
                text_cell(_what(row, several), 72),
                plain_cell(row["quantity"], 6),
                price_cell(row["base_price"]),
                price_cell(row["stressed_price"]),
                amount_cell(row["base_value"], scale),
                amount_cell(row["value_change"], scale),
                amount_cell(row["maintenance_margin"], scale),
            ),
            printed=number < printed,
        )
        for number, row in enumerate(listed)
    )
    on_paper = f"On paper the first {count(printed)} of {plural_count(len(lines), 'line')} by change of value"
    listed_of = f"{count(len(listed))} are listed on screen, all are in the table account_holdings of the run"
    notes = [_short_words(short, currency)] if several and short else []
    notes += [f"{on_paper}{'; ' + listed_of if len(lines) > len(listed) else ''}."] if len(lines) > printed else []
    return TableView(f"holdings-{place}", "Holdings", columns, rows, "The account holds nothing.", tuple(notes))


def _what(row: Record, several: bool) -> str:
    """Kind and location of a line and, in an account that has several, its margin pool."""
    words = _KIND_WORDS[row["kind"]]
    if row["location"]:
        words += f", {shortened(shown(row['location']), 30)}"
    if not several:
        return words
    pool = "several pools" if row["pool_id"] is None else "cross" if row["pool_id"] == CROSS else f"pool {shortened(row['pool_id'], 30)}"
    return f"{words}, {pool}"


def _short_words(short: Mapping[str, float], currency: str) -> str:
    """Which pools are short, by how much; their lines come first."""
    named_pools = [
        f"{'cross' if pool == CROSS else shortened(shown(pool), 30)} {money(amount)}" for pool, amount in list(short.items())[:NAMED_POOLS]
    ]
    more = f" and {len(short) - NAMED_POOLS} more" if len(short) > NAMED_POOLS else ""
    return f"Short, {currency}: {'pool' if len(short) == 1 else 'pools'} {', '.join(named_pools)}{more}; lines of these come first."
