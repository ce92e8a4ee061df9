"""The page of distances: how far accounts are from liquidation and default, what breaks at which price, and who is nearest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from stresstest.report.answer import Names
from stresstest.report.cells import amount_cell, count_cell, left_out, percent_cell, plain_cell, price_cell, rank_cell, text_cell
from stresstest.report.formats import money, number, of, percent, plural_count, scale_for, shortened, shown, significant
from stresstest.report.parts import Cell, Column, Pair, PairedBars, Row, TableView
from stresstest.report.view import DistancePage
from stresstest.results.distance import NEAR, SCENARIO, bands, nearest, notional_by_band, of_factors

EDGES = (0.01, 0.025, 0.05, 0.10, 0.15, 0.20, 0.30, 0.50)
"""Ends of the bands of the distribution."""

LEVELS = (0.05, 0.10, 0.15, 0.20, 0.30, 0.50)
"""Ends of the bands of prices."""

MULTIPLES = (0.5, 1.0, 1.5, 2.0, 5.0)
"""Ends of the bands of multiples of a scenario."""

PRINTED_FACTORS, LISTED_FACTORS = 20, 60
PRINTED_ACCOUNTS, LISTED_ACCOUNTS = 15, 300
MINUS, AT_MOST = "\N{MINUS SIGN}", "\N{LESS-THAN OR EQUAL TO}"
_EMPTY = "Nothing to report: no margin pool follows what distances were asked along."


def distance_page(distance: pl.DataFrame | None, names: Names, currency: str) -> DistancePage | None:
    """The page of a run that has the table `distance`; None for one that has not.

    Args:
        distance: the table, in its order.
        names: of scenarios.
        currency: the reporting currency, as it is shown.
    """
    if distance is None:
        return None
    rows = of_factors(distance)
    near = {target: nearest(rows, target) for target in ("liquidation", "default")}
    accounts = rows["account_id"].n_unique()
    crowded = _crowded(rows)
    return DistancePage(
        _summary(near["liquidation"], near["default"], accounts, rows, crowded, currency),
        _distribution(near["liquidation"], near["default"], accounts),
        crowded,
        _levels(rows, crowded),
        _levels_table(rows, currency),
        _accounts_table(near["liquidation"], rows, currency),
        _scenarios_table(distance.filter(pl.col("factor").str.starts_with(SCENARIO)), names),
    )


# ---------------------------------------------------------------- in words


def _summary(liquidation: pl.DataFrame, default: pl.DataFrame, accounts: int, rows: pl.DataFrame, crowded: str, currency: str) -> str:
    if rows.is_empty():
        return _EMPTY
    factors = plural_count(rows["factor"].n_unique(), "factor")
    measured = [word for word, frame in (("liquidation", liquidation), ("default", default)) if word in set(rows["target"])]
    text = f"Each of {factors} moved alone, up and down, everything else unchanged, for {plural_count(accounts, 'account')} that follow any of them."
    for target, frame in (("liquidated", liquidation), ("in default", default)):
        word = "liquidation" if target == "liquidated" else "default"
        if word not in measured:
            continue
        ahead = frame.filter(pl.col("shift") != 0.0)
        within = ahead.filter(pl.col("shift").abs() <= NEAR).height
        beyond = frame.height - ahead.height
        text += f" Within {percent(NEAR)}, {of(within, accounts, 'account')} {'is' if within == 1 else 'are'} {target}"
        text += f", besides {plural_count(beyond, 'account')} at base." if beyond else "."
    ahead = liquidation.filter(pl.col("shift") != 0.0)
    if not ahead.is_empty():
        first = ahead.row(0, named=True)
        text += f" The nearest is {shortened(shown(first['account_id']), 40)}: {_move(first['factor'], first['shift'])} liquidates it."
    if crowded:
        found = _sides(rows, crowded)
        side, place = max(((way, k) for way in found for k in range(1, len(LEVELS) + 1)), key=lambda each: found[each[0]][each[1]])
        amount = found[side][place]
        if amount > 0.0:
            text += f" Most breaks in {shortened(shown(crowded), 32)} at {_band(side, place)}: positions of {currency} {money(amount)} gross."
    return text


def _move(factor: str, shift: float) -> str:
    return f"{shortened(shown(factor), 32)} {_signed(shift)}"


def _signed(shift: float, decimals: int = 2) -> str:
    return f"{'+' if shift > 0 else ''}{percent(shift, decimals)}"


def _band(way: str, place: int) -> str:
    """`-10 to -15 %`, by number of the band."""
    sign = MINUS if way == "down" else "+"
    low = 0.0 if place == 1 else LEVELS[place - 2]
    if place > len(LEVELS):
        return f"beyond {sign}{percent(LEVELS[-1])}"
    start = "0" if low == 0.0 else f"{sign}{number(low * 100)}"
    return f"{start} to {sign}{percent(LEVELS[place - 1])}"


# ---------------------------------------------------------------- charts


def _distribution(liquidation: pl.DataFrame, default: pl.DataFrame, accounts: int) -> PairedBars:
    counts = []
    for frame in (default, liquidation):
        found = np.bincount(bands(frame["shift"].to_numpy(), EDGES), minlength=len(EDGES) + 2)
        counts.append([*found.tolist(), accounts - frame.height])
    low = (0.0, *EDGES)
    words = [
        "at base",
        *(f"{significant(low[k] * 100)} to {significant(end * 100)}\N{NO-BREAK SPACE}%" for k, end in enumerate(EDGES)),
        f"beyond {percent(EDGES[-1])}",
        "not reachable",
    ]
    return PairedBars(
        tuple(Pair(word, *pair) for word, pair in zip(words, zip(*counts, strict=True), strict=True)), "default", "liquidation", whole=True
    )


def _sides(rows: pl.DataFrame, factor: str, target: str = "liquidation") -> dict[str, list[float]]:
    """Gross notional by band, down and up, of the pools that a move of the factor takes to the target."""
    mine = rows.filter((pl.col("factor") == factor) & (pl.col("target") == target))
    return {way: notional_by_band(mine.filter(pl.col("direction") == way), LEVELS).tolist() for way in ("down", "up")}


def _crowded(rows: pl.DataFrame) -> str:
    """The factor in which most notional is liquidated within the last of LEVELS, either way; the first among equals."""
    best, most = "", 0.0
    for factor in sorted(rows["factor"].unique().to_list()):
        total = sum(sum(side[1:-1]) for side in _sides(rows, factor).values())
        if total > most:
            best, most = factor, total
    return best


def _levels(rows: pl.DataFrame, factor: str) -> PairedBars:
    """From the largest fall to the largest rise."""
    if not factor:
        return PairedBars((), "default", "liquidation")
    wide, narrow = _sides(rows, factor), _sides(rows, factor, "default")
    last = len(LEVELS)
    places = [*(("down", k) for k in range(last, 0, -1)), *(("up", k) for k in range(1, last + 1))]
    return PairedBars(tuple(Pair(_band(way, k), narrow[way][k], wide[way][k]) for way, k in places), "default", "liquidation")


# ---------------------------------------------------------------- tables


def _levels_table(rows: pl.DataFrame, currency: str) -> TableView:
    found = [(factor, way, sides[way]) for factor in sorted(rows["factor"].unique().to_list()) for sides in (_sides(rows, factor),) for way in sides]
    ranked = sorted(found, key=lambda each: -sum(each[2][1:-1]))[:LISTED_FACTORS]
    scale = scale_for([amount for _, _, amounts in ranked for amount in amounts])
    group = "Gross notional of pools that are liquidated when it has moved by"
    columns = (
        Column("Factor", "text", 14),
        Column("Direction", "text", 7),
        Column("At base", "number", 8, scale.unit(currency)),
        *(Column(_edge(place), "number", 8, scale.unit(currency), group) for place in range(1, len(LEVELS) + 2)),
    )
    listed = tuple(
        Row((text_cell(factor, 24), text_cell(way), *(amount_cell(amount, scale) for amount in amounts)), printed=place < PRINTED_FACTORS)
        for place, (factor, way, amounts) in enumerate(ranked)
    )
    notes = (
        "Each pool counts where it is liquidated first, with the gross notional that it has at base; a pool may be listed under several factors.",
        *left_out(len(found), len(listed), PRINTED_FACTORS, "row", "distance", "most crowded"),
    )
    return TableView("crowded-levels", "What breaks where", columns, listed, _EMPTY, notes)


def _edge(place: int) -> str:
    if place > len(LEVELS):
        return f"> {number(LEVELS[-1] * 100)} %"
    return f"{number(0.0 if place == 1 else LEVELS[place - 2] * 100)} to {number(LEVELS[place - 1] * 100)} %"


def _shift_cell(value: float | None) -> Cell:
    return percent_cell(value, 2)


def _accounts_table(liquidation: pl.DataFrame, rows: pl.DataFrame, currency: str) -> TableView:
    """Those not beyond at base, nearest first, with how far default is along the same way."""
    ahead = liquidation.filter(pl.col("shift") != 0.0)
    key = ["account_id", "pool_id", "factor", "direction"]
    beyond = rows.filter(pl.col("target") == "default").select(*key, default_shift="shift", default_level="level")
    records = ahead.head(LISTED_ACCOUNTS).join(beyond, on=key, how="left", maintain_order="left").to_dicts()
    scale = scale_for([row["gross_notional"] for row in records])
    columns = (
        Column("Rank", "number", 4),
        Column("Account", "text", 22),
        Column("Margin pool", "text", 12),
        Column("Factor", "text", 14),
        Column("Move", "number", 7, "%", "Liquidation"),
        Column("Level", "number", 9, "", "Liquidation"),
        Column("Move", "number", 7, "%", "Default, same way"),
        Column("Level", "number", 9, "", "Default, same way"),
        Column("Gross notional", "number", 10, scale.unit(currency)),
    )
    listed = tuple(
        Row(
            (
                rank_cell(place + 1),
                text_cell(row["account_id"], 40),
                text_cell(row["pool_id"], 24),
                text_cell(row["factor"], 24),
                _shift_cell(row["shift"]),
                price_cell(row["level"]),
                _shift_cell(row["default_shift"]),
                price_cell(row["default_level"]),
                amount_cell(row["gross_notional"], scale),
            ),
            printed=place < PRINTED_ACCOUNTS,
        )
        for place, row in enumerate(records)
    )
    notes = (
        "Level: of a spot in its price currency. Accounts that are beyond the line at base are not listed here.",
        *left_out(ahead.height, len(records), PRINTED_ACCOUNTS, "account", "distance", "nearest"),
    )
    return TableView(
        "nearest-accounts", "Nearest to liquidation", columns, listed, "Nothing to report: no account that is well at base can be reached.", notes
    )


def _scenarios_table(rows: pl.DataFrame, names: Names) -> TableView:
    columns: Sequence[Column] = (
        Column("Scenario", "text", 28),
        Column("Target", "text", 10),
        Column("At base", "number", 8, "accounts"),
        *(Column(f"{AT_MOST} {significant(end)}", "number", 8, "accounts", "First at a multiple") for end in MULTIPLES),
        Column(f"> {significant(MULTIPLES[-1])}", "number", 8, "accounts", "First at a multiple"),
        Column("Not reached", "number", 9, "accounts"),
        Column("Nearest account", "text", 18),
        Column("Multiple", "number", 8),
    )
    listed = []
    for (factor, target), mine in rows.group_by("factor", "target", maintain_order=True):
        found = nearest(mine, str(target))
        counts = np.bincount(bands(found["shift"].to_numpy(), MULTIPLES), minlength=len(MULTIPLES) + 2).tolist()
        ahead = found.filter(pl.col("shift") != 0.0)
        first = ahead.row(0, named=True) if ahead.height else {"account_id": None, "shift": None}
        name = str(factor).removeprefix(SCENARIO)
        listed.append(
            Row(
                (
                    text_cell(names.get(name, name), 60),
                    text_cell(str(target)),
                    *(count_cell(each) for each in counts),
                    count_cell(mine["account_id"].n_unique() - found.height),
                    text_cell(first["account_id"], 24),
                    plain_cell(first["shift"]),
                )
            )
        )
    note = (
        "The whole scenario, taken so many times: a relative shock v becomes (1 + v) to that power, less one. The nearest account is the first that "
        "is not beyond the line at base."
    )
    return TableView("distance-along", "Along scenarios", tuple(columns), tuple(listed), "", (note,))
