"""Tables of the page of the cascade: by scenario, round by round, prices, other depths, and what price impact is computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from stresstest.report.answer import BASE, Names
from stresstest.report.cells import amount_cell, count_cell, left_out, name_cell, percent_cell, plain_cell, price_cell, text_cell
from stresstest.report.formats import percent, scale_for, shortened, shown, significant
from stresstest.report.parts import Cell, Column, Row, TableView

Record = Mapping[str, Any]
Tables = Mapping[str, pl.DataFrame]

PRINTED_SCENARIOS, LISTED_SCENARIOS = 15, 200
PRINTED_ROUNDS, LISTED_ROUNDS = 15, 200
PRINTED_ASSETS, LISTED_ASSETS = 12, 100


def called(names: Names, scenario_id: str) -> str:
    """A scenario's name as it fits into a sentence."""
    return shortened(names.get(scenario_id, shown(scenario_id)), 70)


def of_scenario(tables: Tables, table: str, scenario: str | None) -> list[dict[str, Any]]:
    """The rows of one scenario in a table, in its order."""
    return [] if scenario is None or table not in tables else tables[table].filter(pl.col("scenario_id") == scenario).to_dicts()


def _rest_cell(converged: bool) -> Cell:
    return Cell("At rest", 0.0, "pass") if converged else Cell("Stopped", 1.0, "fail")


def scenarios_table(rows: Sequence[Record], names: Names, currency: str) -> TableView:
    """Headline scenarios by loss at the end, then the others; base stays on top."""
    base = [row for row in rows if row["scenario_id"] == BASE]
    others = sorted(
        (row for row in rows if row["scenario_id"] != BASE),
        key=lambda row: (not row["headline"], -row["uncollateralised_loss"], -row["feedback_loss"]),
    )
    listed = [*base, *others[:LISTED_SCENARIOS]]
    money_columns = ("notional_sold", "direct_loss", "feedback_loss", "uncollateralised_loss_static", "uncollateralised_loss")
    scale = scale_for([row[name] for row in listed for name in money_columns])
    unit = scale.unit(currency)
    accounts, loss, below = "Accounts liquidated", "Loss of those who lose", "Below zero"
    columns = (
        Column("Scenario", "text", 24),
        Column("Rounds", "number", 5),
        Column("By the shock", "number", 7, "", accounts),
        Column("By feedback", "number", 7, "", accounts),
        Column("Sold", "number", 9, unit),
        Column("Shock", "number", 8, unit, loss),
        Column("Feedback", "number", 8, unit, loss),
        Column("Amplification", "number", 9, "times"),
        Column("Static", "number", 8, unit, below),
        Column("After", "number", 8, unit, below),
        Column("Owners in default", "number", 7),
        Column("End", "status", 8),
    )
    lines = tuple(
        Row(
            (
                text_cell("Base") if row["scenario_id"] == BASE else name_cell(names.get(row["scenario_id"]), row["scenario_id"], 44),
                count_cell(row["rounds"]),
                count_cell(row["accounts_liquidated_direct"]),
                count_cell(row["accounts_liquidated_feedback"]),
                *(amount_cell(row[name], scale) for name in money_columns[:3]),
                plain_cell(row["amplification"], 5),
                *(amount_cell(row[name], scale) for name in money_columns[3:]),
                count_cell(row["owners_in_default"]),
                _rest_cell(row["converged"]),
            ),
            printed=place <= PRINTED_SCENARIOS,
            fixed=row["scenario_id"] == BASE,
        )
        for place, row in enumerate(listed)
    )
    notes = (
        (
            "Feedback: losses between the shocked prices and the end. Amplification: all moves of prices over those of the shock, weighted with "
            "gross notional at base."
        ),
        *left_out(len(others), len(listed) - len(base), PRINTED_SCENARIOS, "scenario", "cascade_summary"),
    )
    return TableView("cascade-scenarios", "By scenario", columns, lines, "Nothing to report: no scenario was run.", notes)


def rounds_table(tables: Tables, focus: str | None, scenario: str, currency: str) -> TableView:
    """The rounds of the scenario `focus`, called `scenario`, in order: who is liquidated, what that sells, and what it leaves them."""
    rows = of_scenario(tables, "cascade_round_totals", focus)
    path = of_scenario(tables, "cascade_path", focus)
    listed = rows[:LISTED_ROUNDS]
    money_columns = ("margin_shortfall", "notional", "collateral_sold", "fees", "equity_before", "equity_after")
    scale = scale_for([row[name] for row in listed for name in money_columns])
    unit = scale.unit(currency)
    equity = "Equity of these pools"
    columns = (
        Column("Round", "number", 5),
        Column("Pools", "number", 6),
        Column("Accounts", "number", 7),
        Column("Waiting", "number", 6, "pools"),
        Column("Shortfall", "number", 9, unit),
        Column("Sold", "number", 9, unit),
        Column("Of it collateral", "number", 9, unit),
        Column("Fees", "number", 7, unit),
        Column("Before", "number", 9, unit, equity),
        Column("After", "number", 9, unit, equity),
        Column("Most sold", "text", 24, "and what it did to the price"),
    )
    lines = tuple(
        Row(
            (
                count_cell(row["round"]),
                count_cell(row["pools"]),
                count_cell(row["accounts"]),
                count_cell(row["waiting"]),
                *(amount_cell(row[name], scale) for name in money_columns),
                text_cell(_most_sold(path, row["round"]), 60),
            ),
            printed=place < PRINTED_ROUNDS,
        )
        for place, row in enumerate(listed)
    )
    notes = left_out(len(rows), len(listed), PRINTED_ROUNDS, "round", "cascade_round_totals", "first")
    empty = "Nothing to report: nobody is liquidated in any headline scenario."
    return TableView("cascade-rounds", f"Round by round: {scenario}" if scenario else "Round by round", columns, lines, empty, notes)


def _most_sold(path: Sequence[Record], number: int) -> str:
    """The two assets with the largest notional of a round, with the move of their prices in it."""
    here = sorted((row for row in path if row["round"] == number), key=lambda row: -row["notional"])[:2]
    return ", ".join(f"{row['asset']} {_change(row['price_before'], row['price_after'])}" for row in here)


def _change(before: float, after: float) -> str:
    if before <= 0.0:
        return f"{significant(before)} to {significant(after)}"
    move = after / before - 1.0
    return f"{'+' if move > 0 else ''}{percent(move, 1)}"


def prices_table(tables: Tables, focus: str | None, scenario: str, currency: str) -> TableView:
    """Prices in the scenario `focus` at the snapshot, after the shock and at the end; what is traded most first."""
    rows = sorted(of_scenario(tables, "cascade_prices", focus), key=lambda row: -row["notional_sold"])
    listed = rows[:LISTED_ASSETS]
    scale = scale_for([row["notional_sold"] for row in listed])
    price, move = "Price, in its own currency", "Move"
    columns = (
        Column("Asset", "text", 16),
        Column("Snapshot", "number", 10, "", price),
        Column("Shocked", "number", 10, "", price),
        Column("At the end", "number", 10, "", price),
        Column("By the shock", "number", 8, "%", move),
        Column("By sales", "number", 8, "%", move),
        Column("Amplification", "number", 9, "times"),
        Column("Net sold", "number", 10, "units"),
        Column("Traded", "number", 10, scale.unit(currency)),
        Column("Floor", "status", 8),
    )
    lines = tuple(
        Row(
            (
                text_cell(row["asset"], 30),
                *(price_cell(row[name]) for name in ("snapshot_price", "shocked_price", "final_price")),
                percent_cell(row["shocked_price"] / row["snapshot_price"] - 1.0 if row["snapshot_price"] > 0.0 else None, 1),
                percent_cell(row["final_price"] / row["shocked_price"] - 1.0 if row["shocked_price"] > 0.0 else None, 1),
                plain_cell(row["amplification"], 5),
                plain_cell(row["net_quantity_sold"], 5),
                amount_cell(row["notional_sold"], scale),
                Cell("Reached", 1.0, "fail") if row["floored"] else Cell("No", 0.0, "pass"),
            ),
            printed=place < PRINTED_ASSETS,
        )
        for place, row in enumerate(listed)
    )
    notes = left_out(len(rows), len(listed), PRINTED_ASSETS, "asset", "cascade_prices", "largest")
    empty = "Nothing to report: nothing is traded in any headline scenario."
    return TableView("cascade-prices", f"Prices: {scenario}" if scenario else "Prices", columns, lines, empty, notes)


def sensitivity_table(tables: Tables, names: Names, currency: str) -> TableView:
    """How far the cascade goes in shallower and deeper markets, scenario by scenario."""
    rows = [] if "cascade_sensitivity" not in tables else tables["cascade_sensitivity"].to_dicts()
    money_columns = ("notional_sold", "feedback_loss", "uncollateralised_loss")
    # In the unit of the run's own depth: one row in which a price ran away would make fractions of all others.
    scale = scale_for([row[name] for row in [each for each in rows if each["depth_multiple"] == 1.0] or rows for name in money_columns])
    unit = scale.unit(currency)
    columns = (
        Column("Scenario", "text", 28),
        Column("Depth", "number", 7, "times"),
        Column("Rounds", "number", 6),
        Column("Accounts liquidated", "number", 10),
        Column("Sold", "number", 10, unit),
        Column("Feedback loss", "number", 10, unit),
        Column("Below zero", "number", 10, unit),
        Column("Amplification", "number", 9, "times"),
        Column("Prices at their floor", "number", 7),
        Column("End", "status", 8),
    )
    lines = tuple(
        Row(
            (
                name_cell(names.get(row["scenario_id"]), row["scenario_id"], 48),
                plain_cell(row["depth_multiple"]),
                count_cell(row["rounds"]),
                count_cell(row["accounts_liquidated"]),
                *(amount_cell(row[name], scale) for name in money_columns),
                plain_cell(row["amplification"], 5),
                count_cell(row["floored_assets"]),
                _rest_cell(row["converged"]),
            ),
            printed=place < PRINTED_SCENARIOS,
        )
        for place, row in enumerate(rows)
    )
    note = "Depth: that of all markets over what the run assumes. The answer is only as good as the depth; this is how much hangs on it."
    empty = "Nothing to report: the run was not asked for other depths, or nobody is liquidated."
    notes = (note, *left_out(len(rows), len(rows), PRINTED_SCENARIOS, "row", "cascade_sensitivity", "first"))
    return TableView("cascade-sensitivity", "Shallower and deeper markets", columns, lines, empty, notes)


def _traded_cell(value: float | None) -> Cell:
    return Cell("Without impact", 0.0, "fail") if value is None else Cell("Yes", 1.0, "pass")


def parameters_table(tables: Tables) -> TableView:
    """Parameters of price impact with their sources; assets that are traded first."""
    rows = [] if "cascade_parameters" not in tables else tables["cascade_parameters"].to_dicts()
    traded: dict[str, float] = {}
    for asset, notional in [] if "cascade_prices" not in tables else tables["cascade_prices"].select("asset", "notional_sold").iter_rows():
        traded[asset] = max(notional, traded.get(asset, 0.0))
    listed = sorted(rows, key=lambda row: (-traded.get(row["asset"], 0.0), row["asset"], row["parameter"]))[:LISTED_ASSETS]
    columns = (
        Column("Asset", "text", 18),
        Column("Impact", "text", 14),
        Column("Parameter", "text", 22),
        Column("Value", "number", 16),
        Column("Source", "text", 30),
        Column("Traded", "status", 12),
    )
    lines = tuple(
        Row(
            (
                text_cell(row["asset"], 30),
                text_cell(row["kind"].replace("_", " ")),
                text_cell(row["parameter"].replace("_", " "), 40),
                plain_cell(row["value"], 6),
                text_cell(row["source"], 60),
                _traded_cell(row["value"]) if row["asset"] in traded else Cell("No", 2.0),
            ),
            printed=place < PRINTED_ASSETS,
        )
        for place, row in enumerate(listed)
    )
    notes = (
        "Sales of an asset without a value move no price: its losses are too low. Impact is permanent, and nobody else trades meanwhile.",
        *left_out(len(rows), len(listed), PRINTED_ASSETS, "parameter", "cascade_parameters", "first, of the assets traded most,"),
    )
    return TableView("cascade-parameters", "What price impact is computed from", columns, lines, "Nothing to report: no asset has a price.", notes)
