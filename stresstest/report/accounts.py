"""The worst accounts: each in its own worst scenario, with the three loss measures side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import polars as pl

from stresstest.report.cells import amount_cell, left_out, name_cell, rank_cell, status_cell, text_cell
from stresstest.report.formats import HALF_A_CENT, plural_count, scale_for, shortened, shown
from stresstest.report.parts import Column, Definition, Row, TableView
from stresstest.results.summary import worst_first

PRINTED_ACCOUNTS = 20
LISTED_ACCOUNTS = 200

DEFINITIONS = (
    Definition(
        "Margin shortfall",
        "max(0, maintenance margin \N{MINUS SIGN} margin balance)",
        "Where a liquidation starts: the headline number, by which accounts and scenarios are ranked.",
    ),
    Definition(
        "Uncollateralised loss",
        "max(0, \N{MINUS SIGN}equity)",
        "What others pay once everything the account holds is gone. An owner in default turns the light red.",
    ),
    Definition(
        "Stress loss over margin",
        "max(0, \N{MINUS SIGN}P&L of positions \N{MINUS SIGN} k \N{MULTIPLICATION SIGN} initial margin at base)",
        "What the margin held did not cover, with k = stressed over base collateral after haircuts, at most 1. "
        "Cover-2 in this measure is held against resources.",
    ),
)

_MONEY = ("equity", "equity_after", "margin_balance", "maintenance_margin", "margin_shortfall", "uncollateralised_loss", "stress_loss_over_margin")


def worst_accounts(accounts: pl.DataFrame, headline: bool) -> pl.DataFrame:
    """Accounts with their figures in their own worst (headline) scenario, in the order of the run's summary."""
    prefix: Literal["worst", "worst_headline"] = "worst_headline" if headline else "worst"
    figures = [pl.col(f"{prefix}_{name}").alias(name) for name in (*_MONEY[2:], "position_pnl", "collateral_pnl")]
    return worst_first(accounts, prefix).select(
        "owner_id",
        "account_id",
        "name",
        "segment",
        "gross_notional",
        "equity",
        pl.col("status").alias("status_base"),
        pl.col("margin_balance").alias("margin_balance_base"),
        pl.col("maintenance_margin").alias("maintenance_margin_base"),
        pl.col(f"{prefix}_scenario_id").alias("scenario_id"),
        pl.col(f"{prefix}_status").alias("status"),
        pl.col(f"{prefix}_equity").alias("equity_after"),
        *figures,
    )


def falling_short(accounts: pl.DataFrame) -> pl.DataFrame:
    """Of what `worst_accounts` gave, the accounts with something to report."""
    return accounts.filter((pl.col("margin_shortfall") >= HALF_A_CENT) | (pl.col("uncollateralised_loss") >= HALF_A_CENT))


def account_table(accounts: pl.DataFrame, headline: bool, scenario_names: Mapping[str, str], checked: int, in_scope: str, currency: str) -> TableView:
    """The accounts that fall short, each in its own worst scenario.

    `accounts` is what `worst_accounts` gave; `in_scope` names the scenarios that were looked at.
    """
    short = falling_short(accounts)
    records = short.head(LISTED_ACCOUNTS).to_dicts()
    scale = scale_for([float(row[name]) for row in records for name in _MONEY])
    unit = scale.unit(currency)
    before, after, losses = "At base", "In its worst scenario", "Loss measures"
    columns = (
        Column("Rank", "number", 3.3),
        Column("Account", "text", 19),
        Column("Owner, segment", "text", 10),
        Column("Equity", "number", 6, unit, before),
        Column("Status", "status", 9, "", before),
        Column("Scenario", "text", 15, "", after),
        Column("Status", "status", 9, "", after),
        Column("Equity", "number", 6, unit, after),
        Column("Margin balance", "number", 6.3, unit, after),
        Column("Maintenance margin", "number", 7.4, unit, after),
        Column("Margin shortfall", "number", 6.3, unit, losses),
        Column("Uncollat. loss", "number", 6.3, unit, losses),
        Column("Loss over margin", "number", 6.3, unit, losses),
    )
    rows = tuple(
        Row(
            (
                rank_cell(place + 1),
                name_cell(row["name"], row["account_id"], 64),
                text_cell(row["owner_id"], 32, below=shortened(shown(row["segment"]), 24) if row["segment"] else ""),
                amount_cell(row["equity"], scale),
                status_cell(row["status_base"]),
                text_cell(scenario_names.get(row["scenario_id"], row["scenario_id"]), 70),
                status_cell(row["status"]),
                *(amount_cell(row[name], scale) for name in _MONEY[1:]),
            ),
            printed=place < PRINTED_ACCOUNTS,
        )
        for place, row in enumerate(records)
    )
    empty = f"Nothing to report: no account falls below its maintenance margin in {in_scope}; {plural_count(checked, 'account')} checked."
    scope = "the headline scenarios" if headline else "all scenarios"
    chosen = (
        f"Each account stands once: in the one of {scope} with its largest margin shortfall, "
        "or where there is none with its smallest balance less requirement."
    )
    notes = (chosen, *left_out(short.height, len(rows), PRINTED_ACCOUNTS, "account", "account_summary")) if rows else ()
    return TableView("accounts", "Worst accounts", columns, rows, empty, notes)
