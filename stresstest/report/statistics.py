"""The page of the portfolio's statistics: how accounts are spread, how few owners hold what, how long it takes to close it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from stresstest.report.answer import Record
from stresstest.report.cells import amount_cell, count_cell, left_out, name_cell, percent_cell, rank_cell, status_cell, text_cell
from stresstest.report.formats import money, named, number, percent, plural_count, scale_for, shortened, shown, significant
from stresstest.report.parts import Cell, Column, Pair, PairedBars, Row, TableView, Tone
from stresstest.report.view import StatisticsPage
from stresstest.tables import STATISTICS_TABLES, TOP_OWNERS

PRINTED_UNDERLYINGS, LISTED_UNDERLYINGS = 10, 300
PRINTED_OWNERS, OWNERS_PRINTED_OF_EACH, LISTED_OWNERS = 4, 3, 200
PRINTED_ACCOUNTS = 8
LARGE_SHARE = 0.25
"""Part of an underlying's gross notional from which one owner is spoken of."""

_NAMES = {"leverage": "Leverage", "margin_ratio": "Margin ratio"}
_STATES = {"base": "At base", "worst_headline": "Own worst headline scenario"}
_NUMBERS = ("long_notional", "short_notional", "net_notional", "gross_notional")


def statistics_page(tables: Mapping[str, pl.DataFrame], asked: Mapping[str, Any], currency: str) -> StatisticsPage | None:
    """The page of a run that has `tables.STATISTICS_TABLES`; None for one that has not.

    Args:
        tables: by name, as far as the run has them.
        asked: `statistics` of the run's specification.
        currency: the reporting currency, as it is shown.
    """
    if not {table.name for table in STATISTICS_TABLES} <= tables.keys():
        return None
    concentration, owners, distribution, longest = (tables[table.name] for table in STATISTICS_TABLES)
    lines = concentration.sort("gross_notional", "underlying", descending=[True, False])
    spread = distribution.to_dicts()
    pace = percent(asked["volume_share"], 1).replace(".0", "")
    return StatisticsPage(
        _summary(lines.to_dicts(), owners, longest.to_dicts(), pace, currency),
        _bars(spread, "leverage"),
        _bars(spread, "margin_ratio"),
        _spread_table(spread),
        _underlyings_table(lines, pace, currency),
        _owners_table(owners, lines, currency),
        _accounts_table(longest, lines, pace, currency),
    )


# ---------------------------------------------------------------- in words


def _summary(lines: Sequence[Record], owners: pl.DataFrame, longest: Sequence[Record], pace: str, currency: str) -> str:
    gross = sum(float(row["gross_notional"]) for row in lines)
    if gross <= 0.0:
        return "Nothing to report: no position has a notional."
    first = lines[0]
    text = f"Positions of {currency} {money(gross)} gross in {plural_count(len(lines), 'underlying')}"
    if len(lines) > 1:
        text += f"; the largest, {shortened(shown(first['underlying']), 24)}, has {percent(first['gross_share'])} of it"
    text = f"{text}. {_dominant(owners, lines)}"
    unknown = sum(float(row["gross_notional"]) for row in lines if row["daily_volume"] is None)
    if longest:
        slowest = longest[0]
        who, what = shortened(named(slowest["name"], slowest["account_id"]), 40), shortened(shown(slowest["underlying"]), 24)
        side = "long" if slowest["net_notional"] > 0 else "short"
        text += (
            f" Trading {pace} of an underlying's daily volume, {who} takes longest: "
            f"{number(slowest['days_to_liquidate'], 2)} days to close {money(abs(slowest['net_notional']))} {side} in {what}."
        )
    if unknown > 0.0:
        text += f" No daily volume is known for {percent(unknown / gross, 1)} of gross notional, which no days are told of."
    return text


def _dominant(owners: pl.DataFrame, lines: Sequence[Record]) -> str:
    """In how many underlyings one owner has a large part, and where most."""
    large = owners.filter((pl.col("rank") == 1) & (pl.col("share") >= LARGE_SHARE))
    of = plural_count(len(lines), "underlying")
    if large.is_empty():
        return f"In none of {of} does one owner hold {percent(LARGE_SHARE)} of gross notional or more."
    most = large.sort("share", "underlying", descending=[True, False]).row(0, named=True)
    who = shortened(named(most["name"], most["owner_id"]), 40)
    where = f"{shortened(shown(most['underlying']), 24)} ({who}, {percent(most['share'])})"
    return f"One owner holds {percent(LARGE_SHARE)} of gross notional or more in {large.height} of {of}, most in {where}."


# ---------------------------------------------------------------- how accounts are spread


def _bars(rows: Sequence[Record], measure: str) -> PairedBars:
    """Accounts by bucket, those without a value after them; without bars where no headline scenario stands beside the base."""
    found: dict[tuple[str, int], dict[str, Record]] = {}
    for row in rows:
        if row["measure"] == measure and row["kind"] != "quantile":
            found.setdefault((row["kind"], row["place"]), {})[row["state"]] = row
    if any("worst_headline" not in states for states in found.values()):
        return PairedBars((), "worst", "base", whole=True)
    places = sorted(found, key=lambda key: (key[0] == "apart", key[1]))
    pairs = tuple(Pair(_bucket(found[key]["base"]), found[key]["worst_headline"]["accounts"], found[key]["base"]["accounts"]) for key in places)
    return PairedBars(pairs, "worst", "base", whole=True)


def _bucket(row: Record) -> str:
    lower, upper = row["lower"], row["upper"]
    if row["kind"] == "apart":
        return str(row["reason"])
    if lower is None:
        return f"below {significant(upper)}"
    return f"{significant(lower)} and above" if upper is None else f"{significant(lower)} to below {significant(upper)}"


def _spread_table(rows: Sequence[Record]) -> TableView:
    quantiles = sorted({row["level"] for row in rows if row["kind"] == "quantile"})
    reasons = list(dict.fromkeys(row["reason"] for row in rows if row["kind"] == "apart"))
    middle, apart = "Percentile of accounts", "Accounts counted apart"
    columns = (
        Column("Measure", "text", 9),
        Column("State", "text", 16),
        Column("Accounts", "number", 7),
        *(Column(percent(level), "number", 6, "", middle) for level in quantiles),
        *(Column(str(reason).capitalize(), "number", 9, "", apart) for reason in reasons),
    )
    found = []
    for measure, state in dict.fromkeys((row["measure"], row["state"]) for row in rows):
        here = [row for row in rows if (row["measure"], row["state"]) == (measure, state)]
        values = {row["level"]: row["value"] for row in here if row["kind"] == "quantile"}
        counts = {row["reason"]: row["accounts"] for row in here if row["kind"] == "apart"}
        inside = sum(row["accounts"] for row in here if row["kind"] == "bucket")
        found.append(
            Row(
                (
                    text_cell(_NAMES[measure]),
                    text_cell(_STATES[state]),
                    count_cell(inside),
                    *(_decimals(values.get(level), 2) for level in quantiles),
                    *(count_cell(counts.get(reason)) for reason in reasons),
                )
            )
        )
    meaning = (
        "Leverage: gross notional over equity. Margin ratio: margin balance over maintenance margin; where a pool is short, 1 less its shortfall "
        "over the account's maintenance margin, so below 1 a liquidation starts. Percentile: so many accounts are at that value or below."
    )
    return TableView(
        "spread", "Leverage and margin ratio over accounts", columns, tuple(found), "Nothing to report: the book has no accounts.", (meaning,)
    )


# ---------------------------------------------------------------- who holds what


def _decimals(value: float | None, decimals: int) -> Cell:
    tone: Tone = "" if value is None else "zero" if value == 0 else "negative" if value < 0 else ""
    return Cell(number(value, decimals), float("-inf") if value is None else value, tone)


def _days(value: float | None) -> Cell:
    return _decimals(value, 2)


def _underlying(row: Record) -> Cell:
    """Its name, and on screen its class."""
    name = text_cell(row["underlying"], 24)
    return Cell(name.text, name.order, full=name.full, on_screen=shortened(shown(row["asset_class"]), 16) if row["asset_class"] else "")


def _underlyings_table(lines: pl.DataFrame, pace: str, currency: str) -> TableView:
    records = lines.head(LISTED_UNDERLYINGS).to_dicts()
    scale = scale_for([row["gross_notional"] for row in records])
    volumes = scale_for([row["daily_volume"] or 0.0 for row in records])
    unit = scale.unit(currency)
    notional, index, largest, interest, days = "Notional", "Herfindahl index", "Largest owners", "Open interest", "Days to liquidate"
    columns = (
        Column("Underlying", "text", 10),
        Column("Owners", "number", 5),
        *(Column(label, "number", 6.5, unit, notional) for label in ("Long", "Short", "Net", "Gross")),
        Column("Share", "number", 4.5, "%", notional),
        *(Column(label, "number", 5, "", index) for label in ("Gross", "Long", "Short")),
        *(Column(f"Top {n}", "number", 4.5, "% of gross", largest) for n in TOP_OWNERS),
        Column("One side", "number", 6.5, unit, interest),
        Column(f"Top {TOP_OWNERS[1]}", "number", 5.5, "%", interest),
        Column("Volume a day", "number", 7, volumes.unit(currency), days),
        Column("Owner", "number", 5, "", days),
        Column("Gross", "number", 5, "", days),
    )
    rows = tuple(
        Row(
            (
                _underlying(row),
                count_cell(row["owners"]),
                *(amount_cell(row[name], scale) for name in _NUMBERS),
                percent_cell(row["gross_share"], 1),
                *(_decimals(row[name], 3) for name in ("herfindahl", "herfindahl_long", "herfindahl_short")),
                *(percent_cell(row[f"top_{n}_share"]) for n in TOP_OWNERS),
                amount_cell(row["open_interest"], scale),
                percent_cell(row[f"top_{TOP_OWNERS[1]}_open_interest_share"]),
                amount_cell(row["daily_volume"], volumes),
                _days(row["days_to_liquidate_largest_owner"]),
                _days(row["days_to_liquidate_gross"]),
            ),
            printed=place < PRINTED_UNDERLYINGS,
        )
        for place, row in enumerate(records)
    )
    meaning = (
        "At base, isolated pools and spot positions included, collateral not; an option counts with its underlying's price and its own side. "
        "Herfindahl index: sum of squared owners' shares, 1 = one owner has all. Open interest: long derivatives; the share is that of the "
        "largest owners on the side where they have more. Days: net notional of the owner with the largest, and all gross notional, "
        f"at {pace} of daily volume a day."
    )
    notes = (meaning, *left_out(lines.height, len(records), PRINTED_UNDERLYINGS, "underlying", "concentration", "largest"))
    return TableView("concentration", "Concentration by underlying", columns, rows, "Nothing to report: the book has no open positions.", notes)


def _owners_table(owners: pl.DataFrame, lines: pl.DataFrame, currency: str) -> TableView:
    """The owners of the largest underlyings first; on paper the first few of the first few."""
    order = lines.select("underlying").with_row_index("size")
    ranked = owners.join(order, on="underlying", how="left").sort("size", "rank")
    records = ranked.head(LISTED_OWNERS).to_dicts()
    scale = scale_for([row["gross_notional"] for row in records])
    unit = scale.unit(currency)
    columns = (
        Column("Underlying", "text", 11),
        Column("Rank", "number", 4),
        Column("Owner", "text", 26),
        Column("Accounts", "number", 7),
        *(Column(label, "number", 9, unit) for label in ("Long", "Short", "Net", "Gross")),
        Column("Share of gross", "number", 8, "%"),
        Column("Days to liquidate", "number", 8, "net"),
    )
    printed = [row["size"] < PRINTED_OWNERS and row["rank"] <= OWNERS_PRINTED_OF_EACH for row in records]
    rows = tuple(
        Row(
            (
                text_cell(row["underlying"], 24),
                rank_cell(row["rank"]),
                name_cell(row["name"], row["owner_id"], 40),
                count_cell(row["accounts"]),
                *(amount_cell(row[name], scale) for name in _NUMBERS),
                percent_cell(row["share"], 1),
                _days(row["days_to_liquidate"]),
            ),
            printed=on_paper,
        )
        for row, on_paper in zip(records, printed, strict=True)
    )
    notes = left_out(ranked.height, len(records), sum(printed), "row", "concentration_owners", "first")
    return TableView(
        "largest-owners", "Largest owners of each underlying", columns, rows, "Nothing to report: the book has no open positions.", notes
    )


def _accounts_table(longest: pl.DataFrame, lines: pl.DataFrame, pace: str, currency: str) -> TableView:
    records = longest.sort("rank").to_dicts()
    scale = scale_for([row["gross_notional"] for row in records])
    volumes = scale_for([row["daily_volume"] for row in records])
    unit = scale.unit(currency)
    columns = (
        Column("Rank", "number", 4),
        Column("Account", "text", 24),
        Column("Days", "number", 6),
        Column("Underlying", "text", 10),
        Column("Net notional", "number", 9, unit),
        Column("Volume a day", "number", 9, volumes.unit(currency)),
        Column("Gross notional", "number", 9, f"{unit}, all"),
        Column("Without volume", "number", 8, "% of gross"),
        Column("Equity", "number", 9, unit),
        Column("Worst status", "status", 10, "headline"),
    )
    rows = tuple(
        Row(
            (
                rank_cell(row["rank"]),
                name_cell(row["name"], row["account_id"], 40),
                _days(row["days_to_liquidate"]),
                text_cell(row["underlying"], 24),
                amount_cell(row["net_notional"], scale),
                amount_cell(row["daily_volume"], volumes),
                amount_cell(row["gross_notional"], scale),
                percent_cell(row["gross_without_volume"] / row["gross_notional"] if row["gross_notional"] > 0.0 else None, 1),
                amount_cell(row["equity"], scale),
                status_cell(row["worst_headline_status"]),
            ),
            printed=row["rank"] <= PRINTED_ACCOUNTS,
        )
        for row in records
    )
    known = lines.height - lines["daily_volume"].null_count()
    notes = (
        f"Days to close the net notional at {pace} of daily volume a day, in the underlying that takes longest; others are closed meanwhile.",
        *left_out(len(rows), len(rows), PRINTED_ACCOUNTS, "account", "days_to_liquidate", "slowest"),
    )
    of = plural_count(lines.height, "underlying")
    empty = f"Nothing to report: a daily volume is known for {known} of {of}, and no account has a net position there."
    return TableView("days-to-liquidate", "Longest to liquidate", columns, rows, empty, notes)
