"""Fold the values and balances of a pool: which token each position joins, and the haircuts of collateral that nothing joins."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.jit import kernel, part
from stresstest.margin.kernels.program import (
    BANDS,
    COLLATERAL,
    CONSTANT,
    GAP,
    INSTRUCTIONS,
    KEEP,
    MEASURE,
    OUTSIDE,
    PNL,
    STEPS_AT,
    TOKEN,
    TOKEN_END,
    TOKEN_ROW,
    TOKENS,
    VALUE,
    VALUES,
    write_code,
    write_step,
    write_value_entry,
)
from stresstest.margin.kernels.tables import BAND_START, INITIAL_HAIRCUT, MAINTENANCE_HAIRCUT, PAID_OPTION, QUANTITY, SPOT

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Counters = npt.NDArray[np.int64]
Records = npt.NDArray[Any]


@kernel
def write_value(values: Records, at: Counters, span: Floats, row: int, factor: float) -> float:
    """An entry for factor * row, or its constant where the row does not move."""
    if factor == 0.0:
        return 0.0
    if span[row, 0] == span[row, 1]:
        return float(factor * span[row, 0])
    write_value_entry(values, at, row, factor)
    return 0.0


@part
def _position_value(values: Records, at: Counters, span: Floats, instruments: Records, positions: Records, p: int, entry_of: Codes) -> float:
    """The value of position p: quantity * value slope + cost * cost slope + funding; returns the constant part.

    `entry_of` [positions] takes the entry of the value slope, -1 where there is none.
    """
    position = positions[p]
    instrument = instruments[position["instrument"]]
    before = at[VALUES]
    constant = write_value(values, at, span, instrument["value_row"], position["quantity"])
    entry_of[p] = before if at[VALUES] > before else -1
    constant += write_value(values, at, span, instrument["cost_row"], position["cost"] * instrument["cost_factor"])
    if instrument["kind"] != SPOT and instrument["kind"] != PAID_OPTION:
        constant += write_value(values, at, span, instrument["settle_row"], position["funding"])
    return constant


@kernel
def joined_token(instruments: Records, positions: Records, p: int, into_value: bool) -> int:
    """The token whose balance the value of position p joins, or -1 if it joins none (paid options, P&L into value)."""
    instrument = instruments[positions[p]["instrument"]]
    kind = instrument["kind"]
    if kind == SPOT:
        return int(instrument["underlying"])
    if kind == PAID_OPTION or into_value:
        return -1
    return int(instrument["settle"])


@part
def _write_gap(
    codes: Records, values: Records, at: Counters, span: Floats, instruments: Records, models: Records, positions: Records, p: int, model: int
) -> None:
    """What conservative marks add to the P&L of position p, where the model asks for them."""
    quantity = positions[p]["quantity"]
    instrument = instruments[positions[p]["instrument"]]
    row = instrument["long_gap_row"] if quantity > 0.0 else instrument["short_gap_row"]
    if models[model]["conservative_marks"] == 0 or row < 0:
        return
    before = at[VALUES]
    still = write_value(values, at, span, row, quantity)
    write_code(codes, at, GAP, at[VALUES] - before, still, 0.0)


@part
def fold_values(
    codes: Records,
    values: Records,
    at: Counters,
    span: Floats,
    instruments: Records,
    models: Records,
    positions: Records,
    joined: Codes,
    entry_of: Codes,
    first: int,
    last: int,
    token: int,
    model: int,
    weighted: bool,
) -> float:
    """Value entries of the positions that join `token` (-1: none; long options apart); weighed P&L is measured position by position.

    `joined` [positions]: the token that each joins; `entry_of` [positions] takes the entry of each that its need may join, or -1.
    """
    constant = 0.0
    before = at[VALUES]
    for p in range(first, last):
        kind = instruments[positions[p]["instrument"]]["kind"]
        if joined[p] != token or (weighted and kind != SPOT and kind != PAID_OPTION):
            continue
        if kind == PAID_OPTION and positions[p]["quantity"] >= 0.0:
            continue
        constant += _position_value(values, at, span, instruments, positions, p, entry_of)
    if at[VALUES] > before:
        write_code(codes, at, VALUE, at[VALUES] - before, 0.0, 0.0)
    if weighted:
        for p in range(first, last):
            kind = instruments[positions[p]["instrument"]]["kind"]
            if joined[p] != token or kind == SPOT or kind == PAID_OPTION:
                continue
            write_code(codes, at, MEASURE, 0, 0.0, 0.0)
            before = at[VALUES]
            still = _position_value(values, at, span, instruments, positions, p, entry_of)
            entry_of[p] = -1
            write_code(codes, at, VALUE, at[VALUES] - before, 0.0, 0.0)
            _write_gap(codes, values, at, span, instruments, models, positions, p, model)
            write_code(codes, at, PNL, model, still, 0.0)
    return constant


@part
def fold_outside(
    codes: Records,
    values: Records,
    at: Counters,
    span: Floats,
    instruments: Records,
    models: Records,
    positions: Records,
    entry_of: Codes,
    first: int,
    last: int,
    model: int,
) -> None:
    """Long paid options: equity in full, balances at `long_option_credit`."""
    before = at[VALUES]
    constant = 0.0
    for p in range(first, last):
        if instruments[positions[p]["instrument"]]["kind"] == PAID_OPTION and positions[p]["quantity"] > 0.0:
            constant += _position_value(values, at, span, instruments, positions, p, entry_of)
            entry_of[p] = -1
    if at[VALUES] > before or constant != 0.0:
        write_code(codes, at, CONSTANT, 0, 0.0, constant)
        write_code(codes, at, OUTSIDE, at[VALUES] - before, models[model]["maintenance_credit"], models[model]["initial_credit"])


@part
def _fold_bands(
    codes: Records, tokens: Records, steps: Records, at: Counters, span: Floats, assets: Records, bands: Floats, asset: int, quantity: float
) -> None:
    """Collateral of one asset that nothing else joins: v = quantity * price, haircut folded to slopes, constants and steps."""
    terms = assets[asset]
    row = terms["price_row"]
    token = tokens[at[TOKENS]]
    at[TOKENS] += 1
    code = codes[at[INSTRUCTIONS]]
    write_code(codes, at, COLLATERAL, asset, 0.0, 0.0)
    token["row"] = row
    token["amount"] = quantity
    if quantity < 0.0:
        token["maintenance"] = quantity * terms["liability_maintenance"]
        token["initial"] = quantity * terms["liability_initial"]
        return
    by_quantity = terms["band_basis"] == QUANTITY
    low = quantity if by_quantity else quantity * span[row, 0]
    high = quantity if by_quantity else quantity * span[row, 1]
    before = at[STEPS_AT]
    m_slope = i_slope = m_constant = i_constant = 0.0
    m_kept = i_kept = 0.0
    for k in range(terms["band_first"], terms["band_first"] + terms["band_count"]):
        start = bands[k, BAND_START]
        if start > high:
            break
        m = 1.0 - bands[k, MAINTENANCE_HAIRCUT] - m_kept
        i = 1.0 - bands[k, INITIAL_HAIRCUT] - i_kept
        m_kept = 1.0 - bands[k, MAINTENANCE_HAIRCUT]
        i_kept = 1.0 - bands[k, INITIAL_HAIRCUT]
        if start <= low:
            m_slope += m
            i_slope += i
            m_constant -= m * start
            i_constant -= i * start
        else:
            write_step(steps, at, row, quantity, start, m, -m * start, i, -i * start)
    token["maintenance"] = m_slope * quantity
    token["initial"] = i_slope * quantity
    if by_quantity:
        # Thresholds are units of the token, worth the price each: the constants follow the price as well.
        token["maintenance"] += m_constant
        token["initial"] += i_constant
    else:
        code["x"] = m_constant
        code["y"] = i_constant
    if at[STEPS_AT] > before:
        write_code(codes, at, BANDS, at[STEPS_AT] - before, 0.0, 0.0)


@part
def fold_token(
    codes: Records,
    values: Records,
    tokens: Records,
    steps: Records,
    at: Counters,
    span: Floats,
    instruments: Records,
    models: Records,
    assets: Records,
    bands: Floats,
    holding_row: Codes,
    positions: Records,
    joined: Codes,
    entry_of: Codes,
    first: int,
    last: int,
    collateral: Records,
    c_first: int,
    c_last: int,
    token: int,
    is_joined: bool,
    slot: int,
    model: int,
    weighted: bool,
) -> None:
    """One token of a pool: its collateral rows (sorted by asset) and, if any position joins it, their value.

    Its balance is kept in `slot`, unless that is below zero.
    """
    price_row = assets[token]["price_row"]
    quantity = 0.0
    rows = 0
    plain = True
    for c in range(c_first, c_last):
        if collateral[c]["asset"] == token:
            rows += 1
            quantity += collateral[c]["amount"]
            # A holding share applies to positive rows only.
            if collateral[c]["amount"] > 0.0 and holding_row[token, collateral[c]["location"] + 1] != price_row:
                plain = False
    careful = 0.0
    if assets[token]["conservative"] != 0:
        careful = 1.0 * models[model]["conservative_maintenance"] + 2.0 * models[model]["conservative_initial"]
    if not is_joined and plain and assets[token]["foldable"] and careful == 0.0:
        _fold_bands(codes, tokens, steps, at, span, assets, bands, token, quantity)
        return
    # A price below zero makes a debt of a deposit: the sign of the amount is then not the sign of the balance.
    write_code(codes, at, TOKEN, token, 0.0, 0.0 if plain and span[price_row, 0] >= 0.0 and careful == 0.0 and slot < 0 else 1.0)
    constant = 0.0
    if is_joined:
        constant = fold_values(codes, values, at, span, instruments, models, positions, joined, entry_of, first, last, token, model, weighted)
    before = at[TOKENS]
    if plain and rows > 0:
        tokens[before]["row"] = price_row
        tokens[before]["amount"] = quantity
        at[TOKENS] += 1
    elif rows > 0:
        for c in range(c_first, c_last):
            if collateral[c]["asset"] == token:
                entry = tokens[at[TOKENS]]
                positive = collateral[c]["amount"] > 0.0
                entry["row"] = holding_row[token, collateral[c]["location"] + 1] if positive else price_row
                entry["amount"] = collateral[c]["amount"]
                at[TOKENS] += 1
    for _ in range(at[TOKENS] - before):
        write_code(codes, at, TOKEN_ROW, token, 0.0, 0.0)
    if slot >= 0:
        write_code(codes, at, KEEP, slot, constant, 0.0)
    write_code(codes, at, TOKEN_END, token, constant, careful)
