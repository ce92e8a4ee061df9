"""What `fold` writes and `walk` runs: instructions, their entries, and the holdings they come from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.jit import kernel

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Counters = npt.NDArray[np.int64]
Records = npt.NDArray[Any]

# Instructions. `count` entries of the named list follow; `asset`, `weight` are codes in the same field.
VALUE = 0  # count value entries: DIRECT += factor * row; y = 1: some carry the need of their position, which follows the same row
CONSTANT = 1  # x to position value in the balance, y to position value outside it
TOKEN = 2  # asset; y = 1: rows differ or change sign, never simple. Opens a token's net balance
TOKEN_ROW = 3  # one collateral entry of the open token
TOKEN_END = 4  # asset; x constant of its P&L; y = 1, 2, 3: conservative prices in maintenance, initial, both. Applies haircuts to the net balance
COLLATERAL = 5  # asset; one collateral entry that nothing else joins; x, y constants of the folded bands
BANDS = 6  # count step entries on the balances, skipped where the haircuts of the last COLLATERAL are shocked
GROUP = 7  # weight; opens a group of requirements that share a weight (a weight of one is not opened)
REQUIREMENT = 8  # count requirement entries: (maintenance, initial) += factors * row
STEPS = 9  # count step entries on the requirements
GROUP_END = 10  # weight; x, y constants
MEASURE = 11  # value entries now measure one position's P&L
PNL = 12  # model; x constant: weigh the measured P&L
OUTSIDE = 13  # count value entries outside the balance; x, y credits to the balances (maintenance, initial)
NET = 14  # one entry of `nets`
RULED = 15  # place among the pools with rules; what these require
SIDES = 16  # opens the requirement of one position with orders: that of the worse of two sides
SIDE_ASKED = 17  # weight; x, y constants of what the position of the side needs
SIDE_FILLED = 18  # x, y constants of what the fills of the side lose
SIDES_END = 19  # x, y constants besides
KEEP = 22  # slot; x constant of its P&L: keep the balance of the open token for the orders on spot markets
SPOT_ORDERS = 23  # count entries of `markets`; x, y constants besides
GAP = 25  # count value entries, x constant: what conservative marks add to the measured P&L
# Of rules, in a program of their own (see `rules`).
LESSER = 28  # count requirement entries in two parts: the lesser of the sums ALONE and TOGETHER (at least zero)
GREATER = 29  # count requirement entries in three parts: CALLS, or PUTS where these need more by more than PREMIUMS (of calls less puts)
ALONE, TOGETHER = 0, 1
CALLS, PUTS, PREMIUMS = 0, 1, 2
MEASURES_ADDED = 30  # count entries of `measures`: add-on lines on the requirements
# Of portfolio models: rules too; the first of them is the smallest number.
POOL_OPEN = 32  # model
SCAN = 33  # group; opens its scan; x place in the pool; y = 1: opens a list of groups that offset each other
CHANGES = 34  # count change entries to the set of cells x
HEDGE = 35  # count collateral entries that move as row `y` of the shifts says, to the set of cells x
EXPIRY_OPEN = 36  # opens an expiry of a group whose rows are not plain sums
EXPIRY_VALUE = 37  # count value entries: the paid options of the open expiry at the state
EXPIRY_CLOSE = 38  # expiry; adds its rows to the group's
CAP = 39  # count value entries: what one expiry can still lose, at least zero, to the cap; x = 1: the first one
DELTA = 40  # count value entries to the delta of the group at place x
DELTA_HEDGE = 41  # count collateral entries to the same
FLOOR_OPEN = 42  # what is required until FLOOR_CLOSE is the least that the group needs
FLOOR_CLOSE = 43  # x, y constants
SCALE_ADD_ONS = 44  # x, y constants: what was required so far times the loss factors
SCAN_END = 45  # group; x multiplier, y its place in the pool
LIST_END = 46  # x multiplier: the groups since the last LIST_END offset each other
CREDITED = 47  # credit; x, y places of its two groups in the pool
POOL_END = 48  # count groups come together by credits or correlation; x multiplier


class Holdings(NamedTuple):
    """A block's netted holdings, sorted by pool; `*_first` [pools + 1] delimit them. `model`, `multiplier` [pools].

    `orders`: of type `ORDER`; a position names its own by number, from 1 on.
    """

    position_first: npt.NDArray[np.int64]
    positions: Records
    collateral_first: npt.NDArray[np.int64]
    collateral: Records
    model: Codes
    multiplier: Floats
    orders: Records


POSITION = np.dtype(
    [("instrument", np.int32), ("order", np.int32), ("quantity", np.float64), ("cost", np.float64), ("funding", np.float64), ("leverage", np.float64)]
)
COLLATERAL_ROW = np.dtype([("asset", np.int32), ("location", np.int32), ("amount", np.float64)])
ORDER = np.dtype(
    [
        ("bid_quantity", np.float64),
        ("bid_cost", np.float64),
        ("ask_quantity", np.float64),
        ("ask_cost", np.float64),
        ("reserved_settle", np.float64),
        ("reserved_underlying", np.float64),
        ("orders", np.float64),
    ]
)
"""Open orders of a pool in one instrument: quantities and costs as those of positions, both sides positive; funds set aside; how many."""
MARKET_ENTRY = np.dtype(
    [
        ("base", np.int32),
        ("quote", np.int32),
        ("base_slot", np.int32),
        ("quote_slot", np.int32),
        ("base_row", np.int32),
        ("quote_row", np.int32),
        ("cost_row", np.int32),
        ("conservative", np.int32),
        ("bid_quantity", np.float64),
        ("bid_cost", np.float64),
        ("ask_quantity", np.float64),
        ("ask_cost", np.float64),
        ("reserved_base", np.float64),
        ("reserved_quote", np.float64),
    ]
)
"""Orders on a spot market: its tokens, where their balances are kept, rows of their prices and of the currency of costs; units of either token.
`conservative`: prices of balances are, 1 in maintenance, 2 in initial, 3 in both."""
CODE = np.dtype([("operation", np.int32), ("count", np.int32), ("x", np.float64), ("y", np.float64)])
VALUE_ENTRY = np.dtype([("row", np.int32), ("spare", np.int32), ("factor", np.float64), ("maintenance", np.float64), ("initial", np.float64)])
NEED_ENTRY = np.dtype([("row", np.int32), ("part", np.int32), ("maintenance", np.float64), ("initial", np.float64)])
STEP_ENTRY = np.dtype(
    [
        ("row", np.int32),
        ("spare", np.int32),
        ("quantity", np.float64),
        ("threshold", np.float64),
        ("maintenance_slope", np.float64),
        ("maintenance_constant", np.float64),
        ("initial_slope", np.float64),
        ("initial_constant", np.float64),
    ]
)
TOKEN_ENTRY = np.dtype([("row", np.int32), ("spare", np.int32), ("amount", np.float64), ("maintenance", np.float64), ("initial", np.float64)])
CHANGE_ENTRY = np.dtype([("entry", np.int32), ("spare", np.int32), ("factor", np.float64)])
NET_ENTRY = np.dtype(
    [("legs", np.int32), ("schedule", np.int32), ("model", np.int32), ("spare", np.int32), ("leverage", np.float64), ("multiplier", np.float64)]
)
LEG_ENTRY = np.dtype([("row", np.int32), ("spare", np.int32), ("quantity", np.float64), ("key", np.int64)])
"""Legs of one key come first together: the expiry within a net by underlying, the net within a measure."""
MEASURE_ENTRY = np.dtype([("line", np.int32), ("legs", np.int32), ("scale", np.float64), ("maintenance", np.float64), ("initial", np.float64)])
"""What an add-on line asks for some nets: thresholds of its tiers times `scale`, all of it times `maintenance` and `initial`."""


class Program(NamedTuple):
    """Instructions and their entries; `first` i64[pools + 1, 8] holds where each pool's share of each list begins."""

    first: npt.NDArray[np.int64]
    codes: Records
    values: Records
    needs: Records
    steps: Records
    tokens: Records
    nets: Records
    legs: Records
    markets: Records

    def token_balances(self) -> int:
        """Most token balances that a walk keeps of a pool: two for every market with open orders."""
        return 2 * int(np.diff(self.first[:, MARKETS]).max(initial=0))


INSTRUCTIONS, VALUES, NEEDS, STEPS_AT, TOKENS, NETS, LEGS, MARKETS = 0, 1, 2, 3, 4, 5, 6, 7
LISTS = 8
MEASURES, MOVES = 8, 9
RULE_LISTS = 10
"""Lists of the program of rules: two more. Both have their places among the same numbers."""
MOST_PIECES = 64
"""Pieces of one requirement: tiers, plus pieces where a deduction reaches zero."""


def empty_program(pools: int, positions: int, collateral: int, most_tiers: int, most_bands: int, orders: int = 0) -> Program:
    """Room for the largest program that these holdings can give; untouched pages cost no memory."""
    return Program(
        first=np.zeros((pools + 1, LISTS), dtype=np.int64),
        codes=np.empty(16 * pools + 11 * positions + 6 * collateral + 24 * orders + 16, CODE),
        values=np.empty(4 * positions + 8, VALUE_ENTRY),
        needs=np.empty(4 * positions + 10 * orders + 8, NEED_ENTRY),
        steps=np.empty((positions + 2 * orders) * (4 * most_tiers + 4) + collateral * most_bands + 8, STEP_ENTRY),
        tokens=np.empty(collateral + 8, TOKEN_ENTRY),
        nets=np.empty(positions + 1, NET_ENTRY),
        legs=np.empty(positions + 1, LEG_ENTRY),
        markets=np.empty(orders + 1, MARKET_ENTRY),
    )


@kernel
def write_code(codes: Records, at: Counters, operation: int, count: int, x: float, y: float) -> None:
    """Append an instruction."""
    entry = codes[at[INSTRUCTIONS]]
    entry["operation"] = operation
    entry["count"] = count
    entry["x"] = x
    entry["y"] = y
    at[INSTRUCTIONS] += 1


@kernel
def write_value_entry(values: Records, at: Counters, row: int, factor: float) -> None:
    """Append a value entry: factor * row is added; no need has joined it yet."""
    entry = values[at[VALUES]]
    entry["row"] = row
    entry["factor"] = factor
    entry["maintenance"] = 0.0
    entry["initial"] = 0.0
    at[VALUES] += 1


@kernel
def write_step(steps: Records, at: Counters, row: int, quantity: float, threshold: float, a: float, b: float, c: float, d: float) -> None:
    """Append a step: from `threshold` on, maintenance a * n + b and initial c * n + d are added, n = quantity * row."""
    entry = steps[at[STEPS_AT]]
    entry["row"] = row
    entry["quantity"] = quantity
    entry["threshold"] = threshold
    entry["maintenance_slope"] = a
    entry["maintenance_constant"] = b
    entry["initial_slope"] = c
    entry["initial_constant"] = d
    at[STEPS_AT] += 1
