"""Everything about rows, instruments, assets, schedules and models that the kernels read, as arrays.

A *row* is one number per scenario: the value slope of an instrument, the price of an asset, a shocked holding share. Rows are numbered from 0.
Records (structured arrays) keep the number of arrays small: a kernel that gets sixty arrays takes half a minute to compile.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.scan_tables import ScanTables

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]
Records = npt.NDArray[Any]

# Kinds of instrument, as margin sees them.
MARKED, SPOT, PAID_OPTION, MARGINED_OPTION = 0, 1, 2, 3
# Conventions of a schedule.
MARGINAL, DEDUCTION, WHOLE = 0, 1, 2
# Basis of a band's threshold: reporting currency, an amount in a currency that moves, units of the token.
FIXED_VALUE, MOVING_VALUE, QUANTITY = 0, 1, 2
# How the rates of a schedule grow with the size of a position: not at all, with its square root, in proportion.
NO_GROWTH, SQUARE_ROOT, IN_PROPORTION = 0, 1, 2
# Columns of `pieces`, `bands` and the tiers of add-ons.
START, MAINTENANCE_SLOPE, MAINTENANCE_CONSTANT, INITIAL_SLOPE, INITIAL_CONSTANT = 0, 1, 2, 3, 4
BAND_START, MAINTENANCE_HAIRCUT, INITIAL_HAIRCUT = 0, 1, 2
ADD_ON_START, ADD_ON_MAINTENANCE, ADD_ON_INITIAL = 0, 1, 2
# Side of an add-on line that asks for none.
BOTH_SIDES = 0
# What an add-on line does: adds, is the least that a risk group needs, adds times the loss factor of its model.
ADDED, FLOOR, ADDED_WITH_LOSS_FACTOR = 0, 1, 2
# First axis of `weights`: of a requirement in the schedule's currency, and of one already in reporting currency.
IN_SCHEDULE_CURRENCY, IN_REPORTING_CURRENCY = 0, 1

INSTRUMENT = np.dtype(
    [
        ("kind", np.int32),
        ("settle", np.int32),
        ("underlying", np.int32),
        ("schedule", np.int32),
        ("value_row", np.int32),
        ("cost_row", np.int32),
        ("settle_row", np.int32),
        ("notional_row", np.int32),
        ("net_notional_row", np.int32),
        ("short_maintenance_row", np.int32),
        ("short_initial_row", np.int32),
        ("code", np.int32),
        ("interest_row", np.int32),
        ("high_notional_row", np.int32),
        ("long_notional_row", np.int32),
        ("short_notional_row", np.int32),
        ("long_gap_row", np.int32),
        ("short_gap_row", np.int32),
        ("expiry", np.int64),
        ("size", np.float64),
        ("cost_factor", np.float64),
        ("base_notional", np.float64),
        ("size_unit", np.float64),
        ("open_interest", np.float64),
    ]
)
"""Rows of: value, price of the cost's currency, price of the settle asset, unit notional in the currency of the instrument's schedule and of the
underlying's, needs of a short option (-1: by tiers); of the unit notional times the share that open interest adds to a rate (-1: none); of the
unit notional at conservative prices, without marks, and with those of long and of short positions; of what such marks add to the value of
one contract (-1: none). `size_unit`: the size of one contract by which rates grow. `code`: of the instrument in the book. `size`: of a contract."""

SCHEDULE = np.dtype(
    [
        ("first", np.int32),
        ("count", np.int32),
        ("convention", np.int32),
        ("by_contracts", np.int32),
        ("by_amount", np.int32),
        ("growth", np.int32),
        ("by_interest", np.int32),
        ("spare", np.int32),
        ("maintenance_amount", np.float64),
        ("initial_amount", np.float64),
        ("maintenance_growth", np.float64),
        ("initial_growth", np.float64),
        ("rate_share", np.float64),
        ("floor_to", np.float64),
        ("interest_from", np.float64),
        ("interest_to", np.float64),
    ]
)
"""`first`, `count` delimit its pieces: from `start` on, requirement = slope * n + constant. For basis contracts they are the raw tiers.
Where rates grow with size (`growth`), pieces hold them as they are before. `floor_to` 0 = not rounded."""

ASSET = np.dtype(
    [
        ("price_row", np.int32),
        ("trivial", np.int32),
        ("foldable", np.int32),
        ("schedule", np.int32),
        ("band_first", np.int32),
        ("band_count", np.int32),
        ("band_basis", np.int32),
        ("threshold_row", np.int32),
        ("ratio_row", np.int32),
        ("haircut_scale_row", np.int32),
        ("haircut_shift_row", np.int32),
        ("capped", np.int32),
        ("scaled", np.int32),
        ("conservative", np.int32),
        ("low_row", np.int32),
        ("high_row", np.int32),
        ("deposits_maintenance_row", np.int32),
        ("deposits_initial_row", np.int32),
        ("borrows_maintenance_row", np.int32),
        ("borrows_initial_row", np.int32),
        ("liability_maintenance", np.float64),
        ("liability_initial", np.float64),
        ("maintenance_growth", np.float64),
        ("initial_growth", np.float64),
        ("asset_numerator", np.float64),
        ("liability_share", np.float64),
        ("floor_to", np.float64),
    ]
)
"""`trivial`: counts in full, as asset and as debt. `foldable`: haircut thresholds do not move with another price, the price is never negative and
weights are not scaled. `capped`: the last band counts nothing, whatever is shocked. `scaled`: weights follow the size of a balance or of the
venue's pool (rows: what a deposit and a debt are multiplied by). `conservative`: rows of low and high prices as multiples of the price differ."""

MODEL = np.dtype(
    [
        ("net_by_underlying", np.int32),
        ("into_value", np.int32),
        ("weighted_pnl", np.int32),
        ("breach_at_equality", np.int32),
        ("strategy", np.int32),
        ("scanned", np.int32),
        ("ruled", np.int32),
        ("conservative_maintenance", np.int32),
        ("conservative_initial", np.int32),
        ("conservative_marks", np.int32),
        ("worst_side", np.int32),
        ("spare", np.int32),
        ("maintenance_weight", np.float64),
        ("initial_weight", np.float64),
        ("maintenance_cap", np.float64),
        ("initial_cap", np.float64),
        ("maintenance_credit", np.float64),
        ("initial_credit", np.float64),
        ("maintenance_spread", np.float64),
        ("initial_spread", np.float64),
        ("maintenance_order", np.float64),
        ("initial_order", np.float64),
    ]
)
"""Caps are infinite where there is none. `strategy`: its record in `strategies`, -1 for other kinds. `scanned`: the requirement is that of a
portfolio model. `ruled`: something is required beyond schedules: see `rules`. `worst_side`: open orders count, and what is asked for each."""


ADD_ON = np.dtype(
    [
        ("side", np.int32),
        ("by_position", np.int32),
        ("hedged", np.int32),
        ("role", np.int32),
        ("tier_first", np.int32),
        ("tier_count", np.int32),
        ("depeg_row", np.int32),
        ("spare", np.int32),
        ("maintenance", np.float64),
        ("initial", np.float64),
    ]
)
"""`side`: 1 long, -1 short, 0 both. `by_position`: positions are not netted, and it is their side that is asked. `role`: named above.
Rates, unless it has tiers. `depeg_row`: what multiplies the line, -1 for nothing."""


class AddOns(NamedTuple):
    """Add-on lines: records [lines] of type `ADD_ON`; those of a model are `first[model]` to `first[model + 1]` of i32[models + 1].

    i32 or f64[lines, instruments]: the measure of one contract is `factor` times the row `row` (-1: not measured); `key` of the net that an
    instrument belongs to; `scale` of the thresholds of a net, by key. `group` i32[instruments]: the risk group.
    `tiers` f64[tiers, 3]: columns named above. A code beyond the number of instruments means the instrument of its remainder.
    """

    lines: Records
    first: Codes
    row: Codes
    factor: Floats
    key: Codes
    scale: Floats
    group: Codes
    tiers: Floats


class Tables(NamedTuple):
    """`instruments`, `schedules`, `assets`, `models` are records of the types above.

    `pieces` f64[pieces, 5], `bands` f64[bands, 3]: columns named above. `holding_row` i32[assets, locations + 1]: column 0 is 'no location'.
    `weights` i32[2, models, schedules + 1]: weight of a requirement, 0 = one everywhere; the last column is 'no schedule'.
    `values` f64[blocks, rows, width]: the rows in lanes. `span` f64[rows, 2]: smallest and largest value of each row. `weight_row` i32[weights].
    `add_ons`: lines besides what schedules ask.
    `strategies`, `strategy_legs`: see `strategy_tables`. `scans`: grids of portfolio models.
    What is unshocked in a block: `asset_plain` bool[blocks, assets], `weight_unit` bool[blocks, weights].
    """

    instruments: Records
    schedules: Records
    pieces: Floats
    assets: Records
    bands: Floats
    holding_row: Codes
    models: Records
    weights: Codes
    values: Floats
    span: Floats
    weight_row: Codes
    asset_plain: Flags
    weight_unit: Flags
    add_ons: AddOns
    strategies: Records
    strategy_legs: Records
    scans: ScanTables

    def walked(self) -> tuple[Floats, Records, Floats, Records, Floats, Records, Codes, Flags, Flags]:
        """What kernels that walk programs take of it, in the order of their arguments."""
        rows = self.values, self.schedules, self.pieces, self.assets, self.bands, self.models, self.weight_row
        return *rows, self.asset_plain, self.weight_unit
