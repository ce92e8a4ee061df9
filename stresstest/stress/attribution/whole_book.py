"""Why margin balance less maintenance margin of the whole book changed from base to its worst headline scenario."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import polars as pl

from stresstest.margin.compile import compile_tables
from stresstest.margin.explain import Holdings, holdings_of
from stresstest.margin.explain.holdings import COLLATERAL_SCHEMA, POOLS_SCHEMA, POSITIONS_SCHEMA
from stresstest.margin.kernels.figures import MAINTENANCE_MARGIN
from stresstest.margin.rulebook import Rulebook
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Book
from stresstest.snapshot.stage import load_block
from stresstest.stress.attribution.accounts import ROWS_AT_ONCE, Attributor
from stresstest.stress.attribution.factors import FactorEffects
from stresstest.stress.attribution.margin import BASE, PARAMETERS, REST, THERE, rates_move, states_of
from stresstest.stress.attribution.values import balance_lines, position_lines
from stresstest.stress.evaluation import evaluate_block
from stresstest.stress.headline import worst_headline
from stresstest.stress.holders import Holders, block_holdings
from stresstest.tables import ATTRIBUTION_SUMMARY
from stresstest.valuation.unit_values import UnitValues

EXPLAINED = 25_000
"""Positions of a book up to which every account is explained: about a third of a second. Beyond, what does not count and the requirement are a
line each, from the totals of the run."""

ROUNDING = 1e-13
"""Of the amounts of all accounts: sums below it are left to the residual."""

_Line = tuple[str, str | None, float]


def attribute_book(
    book: Book, resolved: Resolved, units: UnitValues, rulebook: Rulebook, holders: Holders, scenario_summary: pl.DataFrame
) -> pl.DataFrame:
    """The table `attribution_summary`: empty where no scenario is headline.

    Args:
        book: the staged snapshot.
        resolved: factor values of every scenario.
        units: what instruments are worth in them.
        rulebook: the margin file.
        holders: the accounts as they were stressed.
        scenario_summary: totals of the run.
    """
    worst = worst_headline(scenario_summary)
    if worst is None:
        return pl.DataFrame(schema=dict.fromkeys(ATTRIBUTION_SUMMARY.names, pl.Null))
    scenario = resolved.ids.index(worst)
    totals = {row["scenario_id"]: row for row in scenario_summary.to_dicts()}
    equity, balance, required = (totals[worst][name] - totals[resolved.ids[0]][name] for name in ("equity", "margin_balance", "maintenance_margin"))
    if book.positions <= EXPLAINED:
        lines = list(_explained(book, resolved, units, rulebook, scenario))
    else:
        parameters = _parameters(book, resolved, units, rulebook, holders, scenario) if rates_move(resolved, scenario) else 0.0
        names = [name for name, rates in resolved.margin_rate.items() if rates[scenario] != 1.0]
        lines = [
            *_values(book, resolved, units, scenario),
            ("haircut", None, balance - equity),
            ("requirement", None, -required - parameters),
            ("margin_parameters", names[0] if len(names) == 1 else None, parameters),
        ]
    sums = _sums(lines)
    # Positions that face each other cancel but for rounding, which is no line of its own.
    rounding = ROUNDING * math.fsum(abs(amount) for _, _, amount in lines)
    rows = [(*key, amount) for key, amount in sums.items() if abs(amount) > rounding]
    rows.append(("residual", None, (balance - required) - math.fsum(amount for *_, amount in rows)))
    frame = pl.DataFrame(rows, schema={"kind": pl.String, "subject": pl.String, "amount": pl.Float64}, orient="row")
    return frame.select(pl.lit(worst).alias("scenario_id"), "kind", "subject", "amount")


def _sums(lines: list[_Line]) -> dict[tuple[str, str | None], float]:
    """Exactly rounded, so that it does not matter how accounts were brought together."""
    found: dict[tuple[str, str | None], list[float]] = {}
    for kind, subject, amount in lines:
        found.setdefault((kind, subject), []).append(amount)
    return {key: math.fsum(amounts) for key, amounts in found.items()}


def _explained(book: Book, resolved: Resolved, units: UnitValues, rulebook: Rulebook, scenario: int) -> Iterator[_Line]:
    """Every account of the book in one scenario."""
    attributor = Attributor(book.dimensions, resolved, units, rulebook)
    held = np.cumsum(book.dimensions.accounts["positions"].to_numpy())
    # As many accounts at once as have that many positions, whichever model they are under: what is held at once stays in bounds.
    home = held // (ROWS_AT_ONCE // 10)
    for number in np.unique(home).tolist():
        codes = np.flatnonzero(home == number).tolist()
        attributed = attributor.of_accounts(holdings_of(book, codes), dict.fromkeys(codes, scenario))
        yield from attributed.lines.select("kind", "subject", "amount").iter_rows()


def _values(book: Book, resolved: Resolved, units: UnitValues, scenario: int) -> Iterator[_Line]:
    """Positions and balances of the whole book as if of one pool: values are linear in what is held."""
    effects = FactorEffects(book.dimensions, resolved, units)
    holdings = _together(book)
    of_pool = pl.DataFrame({"pool": [0], "scenario": [scenario]}, schema={"pool": pl.Int32, "scenario": pl.Int64})
    balances = balance_lines(effects, holdings, resolved, of_pool)
    lines = pl.concat([position_lines(effects, holdings, of_pool).select(balances.columns), balances])
    names = book.dimensions.assets["asset"]
    for _, kind, asset, amount in lines.iter_rows():
        yield kind, names[asset], amount


def _together(book: Book) -> Holdings:
    """What all accounts hold, by instrument, and by asset, location and side; added block after block, so in the order of the book."""
    dimensions = book.dimensions
    instruments, places = dimensions.instruments.height, dimensions.locations.height + 1
    positions = np.zeros((3, instruments))
    amounts = np.zeros(dimensions.assets.height * places * 2)
    for number in range(book.blocks):
        block = load_block(book, number)
        for row, held in enumerate((block.quantity, block.cost, block.funding)):
            positions[row] += np.bincount(block.instrument, weights=held, minlength=instruments)
        place = (block.asset.astype(np.int64) * places + block.location + 1) * 2 + (block.amount < 0.0)
        amounts += np.bincount(place, weights=block.amount, minlength=len(amounts))
    held_at = np.flatnonzero(amounts)
    asset, location = np.divmod(held_at // 2, places)
    return Holdings(
        pools=pl.DataFrame({"pool": [0], "account": [0]}, schema=POOLS_SCHEMA),
        positions=pl.DataFrame(
            {
                "pool": np.zeros(instruments, np.int32),
                "instrument": np.arange(instruments),
                "quantity": positions[0],
                "cost": positions[1],
                "funding": positions[2],
                "leverage": np.zeros(instruments),
            },
            schema=POSITIONS_SCHEMA,
        ).filter(pl.any_horizontal(pl.col("quantity", "cost", "funding") != 0.0)),
        collateral=pl.DataFrame(
            {"pool": np.zeros(len(asset), np.int32), "asset": asset, "location": location - 1, "amount": amounts[held_at]}, schema=COLLATERAL_SCHEMA
        ),
    )


def _parameters(book: Book, resolved: Resolved, units: UnitValues, rulebook: Rulebook, holders: Holders, scenario: int) -> float:
    """What margin parameters take from the excess of the book: minus the mean of what they add to the requirement at base and in the scenario."""
    states = states_of(resolved, units, [scenario])
    few = states.resolved
    compiled = compile_tables(book.dimensions, few, states.units, rulebook, np.zeros(few.scenarios, dtype=np.bool_))
    required = np.zeros(few.scenarios)
    lanes = compiled.lanes
    for number in range(book.blocks):
        block = block_holdings(load_block(book, number), holders, compiled)
        figures = evaluate_block(compiled, holders, block).totals.figures
        for lane_block in range(lanes.blocks):
            used = int(lanes.used[lane_block])
            required[lanes.scenario[lane_block, :used]] += figures[lane_block, MAINTENANCE_MARGIN, :used]
    base, there, alone, rest = (required[few.ids.index(states.names[scenario][state])] for state in (BASE, THERE, PARAMETERS, REST))
    return -float((alone - base) + (there - rest)) / 2.0
