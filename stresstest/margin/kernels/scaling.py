"""Rates and weights that follow size: how a rate grows, and the balance of a token whose weights do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import (
    APART,
    DIRECT,
    INITIAL,
    KEPT_BEHIND,
    MAINTENANCE,
    MEASURED,
    SCRATCH,
    TOKEN_HELD,
    WEIGHED_INITIAL,
    WEIGHED_MAINTENANCE,
)
from stresstest.margin.kernels.jit import kernel, part
from stresstest.margin.kernels.tables import (
    BAND_START,
    IN_PROPORTION,
    INITIAL_CONSTANT,
    INITIAL_HAIRCUT,
    INITIAL_SLOPE,
    MAINTENANCE_CONSTANT,
    MAINTENANCE_HAIRCUT,
    MAINTENANCE_SLOPE,
    MARGINAL,
    QUANTITY,
    START,
)

Floats = npt.NDArray[np.float64]
Records = npt.NDArray[Any]

NEARLY = 1e-9
"""A figure this share of a step below a multiple counts as that multiple when it is rounded down: it may be one but for rounding."""


@part
def _floored(figure: float, step: float) -> float:
    return math.floor(figure / step + NEARLY) * step if step > 0.0 else figure


@kernel
def scaled_pieces(schedules: Records, pieces: Floats, schedule: int, size: float, own: Floats, at: int) -> None:
    """The pieces of a schedule with the rates of a position, max(r, share * r + factor * g(size)), to own[at:]; `size` in the unit of its growth."""
    terms = schedules[schedule]
    first = terms["first"]
    grown = size if terms["growth"] == IN_PROPORTION else math.sqrt(size)
    m_before = i_before = m_constant = i_constant = 0.0
    for k in range(terms["count"]):
        start = pieces[first + k, START]
        m_rate = pieces[first + k, MAINTENANCE_SLOPE]
        i_rate = pieces[first + k, INITIAL_SLOPE]
        m_rate = max(m_rate, _floored(terms["rate_share"] * m_rate + terms["maintenance_growth"] * grown, terms["floor_to"]))
        i_rate = max(i_rate, _floored(terms["rate_share"] * i_rate + terms["initial_growth"] * grown, terms["floor_to"]))
        if terms["convention"] == MARGINAL:
            m_constant -= (m_rate - m_before) * start
            i_constant -= (i_rate - i_before) * start
        m_before = m_rate
        i_before = i_rate
        own[at + k, START] = start
        own[at + k, MAINTENANCE_SLOPE] = m_rate
        own[at + k, MAINTENANCE_CONSTANT] = m_constant
        own[at + k, INITIAL_SLOPE] = i_rate
        own[at + k, INITIAL_CONSTANT] = i_constant


@part
def _kept(rows: Floats, terms: Records, bands: Floats, column: int, balance: float, low: float, share: float, most: float, s: int) -> float:
    """Sum over bands of min((1 - h) * share, most) * (part of balance * low * ratio inside the band), h stressed; for one lane."""
    first = terms[0]["band_first"]
    last = first + terms[0]["band_count"]
    unit = 1.0 if terms[0]["threshold_row"] < 0 else rows[terms[0]["threshold_row"], s]
    ratio = rows[terms[0]["ratio_row"], s]
    # Thresholds in units of the asset are worth price * ratio each: ratio and conservative price then scale the whole part.
    by_quantity = terms[0]["band_basis"] == QUANTITY
    measured = balance if by_quantity else balance * low * ratio
    total = 0.0
    for k in range(first, last):
        start = bands[k, BAND_START] * unit
        if measured <= start or (k + 1 == last and terms[0]["capped"] != 0):
            break
        end = np.inf if k + 1 == last else bands[k + 1, BAND_START] * unit
        haircut = min(1.0, max(0.0, rows[terms[0]["haircut_scale_row"], s] * bands[k, column] + rows[terms[0]["haircut_shift_row"], s]))
        total += min((1.0 - haircut) * share, most) * (min(measured, end) - start)
    return total * low * ratio if by_quantity else total


@part
def _worth(rows: Floats, terms: Records, bands: Floats, balance: float, initial: bool, conservative: bool, s: int) -> float:
    """What a net balance counts in one lane; `terms` is the record of its asset, an array of one.

    Of u = |v| / X units, v the net balance: positive, at its low price, band by band min((1 - h) * concentration, numerator / (1 + factor *
    sqrt(u))); negative, at its high price, times max(L, share * L + factor * sqrt(u)), L the liability weight times concentration.
    """
    growth = terms[0]["initial_growth"] if initial else terms[0]["maintenance_growth"]
    price = abs(rows[terms[0]["price_row"], s])
    size = math.sqrt(abs(balance) / price) if price > 0.0 else 0.0
    if balance >= 0.0:
        column = INITIAL_HAIRCUT if initial else MAINTENANCE_HAIRCUT
        deposits = terms[0]["deposits_initial_row"] if initial else terms[0]["deposits_maintenance_row"]
        low = rows[terms[0]["low_row"], s] if conservative else 1.0
        most = _floored(terms[0]["asset_numerator"] / (1.0 + growth * size), terms[0]["floor_to"])
        return _kept(rows, terms, bands, column, balance, low, rows[deposits, s], most, s)
    borrows = terms[0]["borrows_initial_row"] if initial else terms[0]["borrows_maintenance_row"]
    high = rows[terms[0]["high_row"], s] if conservative else 1.0
    weight = (terms[0]["liability_initial"] if initial else terms[0]["liability_maintenance"]) * rows[borrows, s]
    weight = max(weight, _floored(terms[0]["liability_share"] * weight + growth * size, terms[0]["floor_to"]))
    return float(weight * balance * high)


@kernel
def add_scaled_worth(acc: Records, target: int, rows: Floats, terms: Records, bands: Floats, initial: bool, conservative: bool, width: int) -> None:
    """target += what the balance in MEASURED counts."""
    a = acc[0]["rows"]
    for s in range(width):
        a[target, s] += _worth(rows, terms, bands, a[MEASURED, s], initial, conservative, s)


@kernel
def close_scaled_token(
    acc: Records,
    rows: Floats,
    terms: Records,
    bands: Floats,
    x: float,
    measured: bool,
    conservative_maintenance: bool,
    conservative_initial: bool,
    width: int,
) -> None:
    """`close_token` where weights follow size, the venue's pool or conservative prices; arguments as there."""
    a = acc[0]["rows"]
    for s in range(width):
        pnl = a[DIRECT, s] + x
        a[DIRECT, s] = 0.0
        a[SCRATCH, s] = pnl
        a[APART, s] += pnl
    for which in range(3):
        initial = which != 1
        conservative = conservative_initial if initial else conservative_maintenance
        target = KEPT_BEHIND if which == 0 else (MAINTENANCE if which == 1 else INITIAL)
        weighed = WEIGHED_MAINTENANCE if which == 1 else WEIGHED_INITIAL
        for s in range(width):
            a[MEASURED, s] = a[TOKEN_HELD, s] if which == 0 else a[TOKEN_HELD, s] + a[SCRATCH, s]
        if measured and which > 0:
            for s in range(width):
                a[MEASURED, s] += a[weighed, s]
        for s in range(width):
            if which > 0 or a[MEASURED, s] >= 0.0:
                a[target, s] += _worth(rows, terms, bands, a[MEASURED, s], initial, conservative, s)
