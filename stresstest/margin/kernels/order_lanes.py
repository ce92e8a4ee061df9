"""Open orders over lanes: the worse of all bids filled and all asks filled, instrument by instrument, spot market by spot market."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import (
    ASIDE_INITIAL,
    ASIDE_MAINTENANCE,
    DIRECT,
    LONG,
    MEASURED,
    NEED_INITIAL,
    NEED_MAINTENANCE,
    NETTED,
    SHORT,
    TOKEN_HELD,
    TOKEN_PNL,
    WEIGHED_INITIAL,
    WEIGHED_MAINTENANCE,
)
from stresstest.margin.kernels.jit import kernel, part
from stresstest.margin.kernels.loops import clear
from stresstest.margin.kernels.scaling import add_scaled_worth
from stresstest.margin.kernels.tables import INITIAL_HAIRCUT, MAINTENANCE_HAIRCUT
from stresstest.margin.kernels.tokens import keep_positive

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]
Counters = npt.NDArray[np.int64]
Records = npt.NDArray[Any]


@kernel
def open_sides(acc: Records, width: int) -> None:
    """Set the requirement so far aside; the worse of two sides starts at zero."""
    a = acc[0]["rows"]
    for s in range(width):
        a[ASIDE_MAINTENANCE, s] = a[NEED_MAINTENANCE, s]
        a[ASIDE_INITIAL, s] = a[NEED_INITIAL, s]
        a[NEED_MAINTENANCE, s] = 0.0
        a[NEED_INITIAL, s] = 0.0
        a[LONG, s] = 0.0
        a[SHORT, s] = 0.0


@kernel
def side_asked(acc: Records, rows: Floats, weight: int, x: float, y: float, width: int) -> None:
    """What the position of a side needs, weighed, is in WEIGHED_*."""
    a = acc[0]["rows"]
    for s in range(width):
        a[WEIGHED_MAINTENANCE, s] = rows[weight, s] * (a[NEED_MAINTENANCE, s] + x)
        a[WEIGHED_INITIAL, s] = rows[weight, s] * (a[NEED_INITIAL, s] + y)
        a[NEED_MAINTENANCE, s] = 0.0
        a[NEED_INITIAL, s] = 0.0


@kernel
def side_filled(acc: Records, x: float, y: float, width: int) -> None:
    """With what its fills lose; the worse of the sides so far is in LONG (maintenance) and SHORT (initial)."""
    a = acc[0]["rows"]
    for s in range(width):
        a[LONG, s] = max(a[LONG, s], a[WEIGHED_MAINTENANCE, s] + max(0.0, a[NEED_MAINTENANCE, s] + x))
        a[SHORT, s] = max(a[SHORT, s], a[WEIGHED_INITIAL, s] + max(0.0, a[NEED_INITIAL, s] + y))
        a[NEED_MAINTENANCE, s] = 0.0
        a[NEED_INITIAL, s] = 0.0


@kernel
def close_sides(acc: Records, width: int) -> None:
    """Add the worse side to the requirement that was set aside."""
    a = acc[0]["rows"]
    for s in range(width):
        a[NEED_MAINTENANCE, s] = a[ASIDE_MAINTENANCE, s] + a[LONG, s]
        a[NEED_INITIAL, s] = a[ASIDE_INITIAL, s] + a[SHORT, s]


@kernel
def keep_balance(acc: Records, kept: Floats, slot: int, x: float, measured: bool, width: int) -> None:
    """Copy the net balance of the open token, as haircuts will meet it, for maintenance and for initial."""
    a = acc[0]["rows"]
    for s in range(width):
        both = a[TOKEN_HELD, s] + (x + a[DIRECT, s])
        kept[slot, 0, s] = both
        kept[slot, 1, s] = both
    if measured:
        for s in range(width):
            kept[slot, 0, s] += a[WEIGHED_MAINTENANCE, s]
            kept[slot, 1, s] += a[WEIGHED_INITIAL, s]


@part
def _worth(
    acc: Records, target: int, sign: float, rows: Floats, terms: Records, bands: Floats, which: int, shocked: bool, conservative: int, width: int
) -> None:
    """target += sign * what the balance in MEASURED counts; TOKEN_PNL is overwritten."""
    a = acc[0]["rows"]
    careful = terms[0]["conservative"] != 0 and (conservative == which + 1 or conservative == 3)
    if careful or terms[0]["scaled"] != 0:
        clear(acc, TOKEN_PNL, width)
        add_scaled_worth(acc, TOKEN_PNL, rows, terms, bands, which == 1, careful, width)
        for s in range(width):
            a[target, s] += sign * a[TOKEN_PNL, s]
        return
    liability = terms[0]["liability_maintenance"] if which == 0 else terms[0]["liability_initial"]
    for s in range(width):
        a[TOKEN_PNL, s] = liability * min(0.0, a[MEASURED, s])
        a[MEASURED, s] = max(0.0, a[MEASURED, s])
    keep_positive(acc, TOKEN_PNL, rows, terms, bands, MAINTENANCE_HAIRCUT if which == 0 else INITIAL_HAIRCUT, shocked, width)
    for s in range(width):
        a[target, s] += sign * a[TOKEN_PNL, s]


@part
def _leg_amount(rows: Floats, market: Records, base: bool, bids: bool, s: int) -> float:
    """What a market has in one of its tokens after its bids, or its asks, are filled: an order brings at most what it gives."""
    terms = market[0]
    b = rows[terms["base_row"], s]
    q = rows[terms["quote_row"], s]
    c = rows[terms["cost_row"], s]
    if base:
        if bids:
            return float(terms["reserved_base"] * b + min(terms["bid_quantity"] * b, terms["bid_cost"] * c))
        return float((terms["reserved_base"] - terms["ask_quantity"]) * b)
    if bids:
        return float(terms["reserved_quote"] * q - terms["bid_cost"] * c)
    return float(terms["reserved_quote"] * q + min(terms["ask_cost"] * c, terms["ask_quantity"] * b))


@kernel
def _leg(
    acc: Records,
    kept: Floats,
    rows: Floats,
    markets: Records,
    n: int,
    first: int,
    last: int,
    base: bool,
    bids: bool,
    assets: Records,
    bands: Floats,
    asset_plain: Flags,
    which: int,
    width: int,
) -> None:
    """Add to LONG (bids) or SHORT (asks) what the funds of market n in one token count after its fills.

    Funds above zero come last, on top of all that any market may bring into the token; those below zero too, below all that any takes out.
    """
    a = acc[0]["rows"]
    token = markets[n]["base"] if base else markets[n]["quote"]
    slot = markets[n]["base_slot"] if base else markets[n]["quote_slot"]
    terms = assets[token : token + 1]
    for s in range(width):
        amount = _leg_amount(rows, markets[n : n + 1], base, bids, s)
        reference = kept[slot, which, s]
        for k in range(first, last):
            for leg in range(2):
                of_base = leg == 0
                if (markets[k]["base_slot"] if of_base else markets[k]["quote_slot"]) != slot:
                    continue
                row = markets[k]["base_row"] if of_base else markets[k]["quote_row"]
                reference -= (markets[k]["reserved_base"] if of_base else markets[k]["reserved_quote"]) * rows[row, s]
                mine = _leg_amount(rows, markets[k : k + 1], of_base, True, s)
                other = _leg_amount(rows, markets[k : k + 1], of_base, False, s)
                reference += max(0.0, mine, other) if amount >= 0.0 else min(0.0, mine, other)
        a[TOKEN_HELD, s] = reference
        a[NETTED, s] = amount
        a[MEASURED, s] = reference
    target = LONG if bids else SHORT
    shocked = not asset_plain[token]
    _worth(acc, target, 1.0, rows, terms, bands, which, shocked, markets[n]["conservative"], width)
    for s in range(width):
        a[MEASURED, s] = a[TOKEN_HELD, s] - a[NETTED, s]
    _worth(acc, target, -1.0, rows, terms, bands, which, shocked, markets[n]["conservative"], width)


@kernel
def add_spot_orders(
    acc: Records, kept: Floats, rows: Floats, markets: Records, first: int, last: int, assets: Records, bands: Floats, asset_plain: Flags, width: int
) -> None:
    """Add to NEED_* what the worse side of every spot market takes from the margin balance; `kept` f64[slots, 2, width] has the balances."""
    a = acc[0]["rows"]
    for which in range(2):
        need = WEIGHED_MAINTENANCE if which == 0 else WEIGHED_INITIAL
        clear(acc, need, width)
        # What the reserved funds count where they are, token by token: at its first market.
        for n in range(first, last):
            for leg in range(2):
                slot = markets[n]["base_slot"] if leg == 0 else markets[n]["quote_slot"]
                token = markets[n]["base"] if leg == 0 else markets[n]["quote"]
                known = leg == 1 and markets[n]["base_slot"] == slot
                for k in range(first, n):
                    known = known or markets[k]["base_slot"] == slot or markets[k]["quote_slot"] == slot
                if known:
                    continue
                terms = assets[token : token + 1]
                shocked = not asset_plain[token]
                for s in range(width):
                    a[MEASURED, s] = kept[slot, which, s]
                _worth(acc, need, 1.0, rows, terms, bands, which, shocked, markets[n]["conservative"], width)
                for s in range(width):
                    reserved = 0.0
                    for k in range(first, last):
                        if markets[k]["base_slot"] == slot:
                            reserved += markets[k]["reserved_base"] * rows[markets[k]["base_row"], s]
                        if markets[k]["quote_slot"] == slot:
                            reserved += markets[k]["reserved_quote"] * rows[markets[k]["quote_row"], s]
                    a[MEASURED, s] = kept[slot, which, s] - reserved
                _worth(acc, need, -1.0, rows, terms, bands, which, shocked, markets[n]["conservative"], width)
        for n in range(first, last):
            clear(acc, LONG, width)
            clear(acc, SHORT, width)
            for leg in range(4):
                _leg(acc, kept, rows, markets, n, first, last, leg < 2, leg % 2 == 0, assets, bands, asset_plain, which, width)
            for s in range(width):
                a[need, s] -= min(a[LONG, s], a[SHORT, s])
    for s in range(width):
        a[NEED_MAINTENANCE, s] += max(0.0, a[WEIGHED_MAINTENANCE, s])
        a[NEED_INITIAL, s] += max(0.0, a[WEIGHED_INITIAL, s])
