"""Fold the holdings of a pool under a portfolio model: which changes make up each risk group, expiry by expiry where that matters."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.add_ons import fold_add_ons
from stresstest.margin.kernels.fold_cap import fold_cap
from stresstest.margin.kernels.jit import kernel
from stresstest.margin.kernels.program import (
    CHANGES,
    CREDITED,
    DELTA,
    DELTA_HEDGE,
    EXPIRY_CLOSE,
    EXPIRY_OPEN,
    EXPIRY_VALUE,
    FLOOR_CLOSE,
    FLOOR_OPEN,
    HEDGE,
    LIST_END,
    MEASURES,
    MEASURES_ADDED,
    MOVES,
    NEEDS,
    POOL_END,
    POOL_OPEN,
    REQUIREMENT,
    SCALE_ADD_ONS,
    SCAN,
    SCAN_END,
    TOKENS,
    VALUES,
    write_code,
    write_value_entry,
)
from stresstest.margin.kernels.scan_tables import CREDITS, OFFSETS, OPTIONS, OTHERS, SCANNED, ScanTables
from stresstest.margin.kernels.tables import ADDED_WITH_LOSS_FACTOR, FLOOR, AddOns

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Counters = npt.NDArray[np.int64]
Records = npt.NDArray[Any]

UNDATED = 0
"""The expiry of everything that does not expire."""


@kernel
def _write_changes(changes: Records, at: Counters, places: Records, positions: Records, p: int) -> None:
    """Entries of position p: quantity, cost and funding, each times its change."""
    place = places[positions[p]["instrument"] % len(places)]
    for k in range(3):
        entry = place["change"] if k == 0 else place["cost_change"] if k == 1 else place["settle_change"]
        factor = positions[p]["quantity"] if k == 0 else positions[p]["cost"] if k == 1 else positions[p]["funding"]
        if entry >= 0 and factor != 0.0:
            changes[at[MOVES]]["entry"] = entry
            changes[at[MOVES]]["factor"] = factor
            at[MOVES] += 1


@kernel
def _write_hedge_changes(
    changes: Records, at: Counters, assets: Records, hedge: Codes, hedge_change: Codes, holding_row: Codes, collateral: Records,
    c_first: int, c_last: int, group: int,
) -> None:  # fmt: skip
    """Entries of the collateral rows that move with the group and count in full, whatever is lost where they lie."""
    for c in range(c_first, c_last):
        asset = collateral[c]["asset"]
        if hedge[asset % len(hedge)] == group and not _partly_lost(assets, holding_row, collateral, c):
            changes[at[MOVES]]["entry"] = hedge_change[asset % len(hedge)]
            changes[at[MOVES]]["factor"] = collateral[c]["amount"]
            at[MOVES] += 1


@kernel
def _partly_lost(assets: Records, holding_row: Codes, collateral: Records, c: int) -> bool:
    """Whether some scenario takes a share of a collateral row, so that it does not follow the price of its asset alone."""
    asset = collateral[c]["asset"]
    return bool(collateral[c]["amount"] > 0.0 and holding_row[asset, collateral[c]["location"] + 1] != assets[asset]["price_row"])


@kernel
def _write_hedges(
    codes: Records,
    tokens: Records,
    at: Counters,
    assets: Records,
    hedge: Codes,
    holding_row: Codes,
    collateral: Records,
    c_first: int,
    c_last: int,
    group: int,
    operation: int,
    x: float,
    y: float,
) -> None:
    """The collateral rows that move with the group, as one instruction; for HEDGE only those that are no changes already."""
    before = at[TOKENS]
    for c in range(c_first, c_last):
        asset = collateral[c]["asset"]
        if hedge[asset % len(hedge)] == group and (operation != HEDGE or _partly_lost(assets, holding_row, collateral, c)):
            positive = collateral[c]["amount"] > 0.0
            tokens[at[TOKENS]]["row"] = holding_row[asset, collateral[c]["location"] + 1] if positive else assets[asset]["price_row"]
            tokens[at[TOKENS]]["amount"] = collateral[c]["amount"]
            at[TOKENS] += 1
    if at[TOKENS] > before:
        write_code(codes, at, operation, at[TOKENS] - before, x, y)


@kernel
def _hedged(hedge: Codes, collateral: Records, c_first: int, c_last: int, group: int) -> bool:
    """Whether collateral of the pool moves with the group."""
    found = False
    for c in range(c_first, c_last):
        found = found or hedge[collateral[c]["asset"] % len(hedge)] == group
    return found


@kernel
def _fold_expiry(
    codes: Records, values: Records, changes: Records, at: Counters, instruments: Records, places: Records, positions: Records,
    first: int, last: int, group: int, expiry: int,
) -> None:  # fmt: skip
    """One expiry of a group: the value and changes of its paid options, the changes of all else."""
    before = at[VALUES]
    for paid in range(1, -1, -1):
        moves = at[MOVES]
        for p in range(first, last):
            place = places[positions[p]["instrument"] % len(places)]
            if place["group"] == group and place["expiry"] == expiry and place["paid"] == paid:
                _write_changes(changes, at, places, positions, p)
                if paid == 1:
                    write_value_entry(values, at, instruments[positions[p]["instrument"]]["value_row"], positions[p]["quantity"])
        if at[MOVES] > moves:
            write_code(codes, at, CHANGES, at[MOVES] - moves, OPTIONS if paid == 1 else OTHERS, 0.0)
    if at[VALUES] > before:
        write_code(codes, at, EXPIRY_VALUE, at[VALUES] - before, 0.0, 0.0)


@kernel
def _fold_lines(
    codes: Records,
    values: Records,
    needs: Records,
    measures: Records,
    legs: Records,
    at: Counters,
    span: Floats,
    add_ons: AddOns,
    slot: Codes,
    positions: Records,
    first: int,
    last: int,
    model: int,
    role: int,
    multiplier: float,
    constants: Floats,
) -> None:
    """The add-on lines of one role; `constants` [2] takes what does not move."""
    constants[0] = 0.0
    constants[1] = 0.0
    need = at[NEEDS]
    measure = at[MEASURES]
    one = add_ons.first[model]
    end = add_ons.first[model + 1]
    fold_add_ons(values, needs, measures, legs, at, span, add_ons, slot, positions, first, last, one, end, role, multiplier, multiplier, constants)
    if at[NEEDS] > need:
        write_code(codes, at, REQUIREMENT, at[NEEDS] - need, 0.0, 0.0)
    if at[MEASURES] > measure:
        write_code(codes, at, MEASURES_ADDED, at[MEASURES] - measure, 0.0, 0.0)


@kernel
def fold_scan(
    codes: Records,
    values: Records,
    tokens: Records,
    changes: Records,
    at: Counters,
    instruments: Records,
    assets: Records,
    holding_row: Codes,
    scans: ScanTables,
    positions: Records,
    first: int,
    last: int,
    collateral: Records,
    c_first: int,
    c_last: int,
    model: int,
    multiplier: float,
    seen: Codes,
    needs: Records,
    measures: Records,
    legs: Records,
    span: Floats,
    add_ons: AddOns,
    slot: Codes,
    constants: Floats,
) -> None:
    """The requirement of a pool under a portfolio model; `seen` [positions and collateral of the pool at least] is
    scratch. Codes of instruments and assets are those of the model's view: views lie one after the other."""
    terms = scans.terms
    grid = scans.grids[model]
    places = scans.places[grid["slot"]]
    hedge = scans.hedge[grid["slot"]]
    hedge_change = scans.hedge_change[grid["slot"]]
    plain = grid["plain"] != 0
    together = grid["together"]
    write_code(codes, at, POOL_OPEN, model, 0.0, 0.0)
    lines = add_ons.first[model + 1] > add_ons.first[model]
    if lines:
        _fold_lines(
            codes,
            values,
            needs,
            measures,
            legs,
            at,
            span,
            add_ons,
            slot,
            positions,
            first,
            last,
            model,
            ADDED_WITH_LOSS_FACTOR,
            multiplier,
            constants,
        )
        write_code(codes, at, SCALE_ADD_ONS, 0, constants[0], constants[1])
    # The distinct risk groups by name, those of a list of offsets one after the other.
    found = 0
    for k in range(first, last + c_last - c_first):
        group = places[positions[k]["instrument"] % len(places)]["group"] if k < last else hedge[collateral[c_first + k - last]["asset"] % len(hedge)]
        known = group < 0
        for j in range(found):
            known = known or seen[j] == group
        if known:
            continue
        j = found
        listed = terms[model, group]["set"]
        while j > 0 and (terms[model, seen[j - 1]]["set"] > listed or (terms[model, seen[j - 1]]["set"] == listed and seen[j - 1] > group)):
            seen[j] = seen[j - 1]
            j -= 1
        seen[j] = group
        found += 1
    for g in range(found):
        group = seen[g]
        shifts = float(terms[model, group]["shifts"])
        opens = terms[model, group]["set"] >= 0 and (g == 0 or terms[model, seen[g - 1]]["set"] != terms[model, group]["set"])
        write_code(codes, at, SCAN, group, float(g), 1.0 if opens else 0.0)
        moves = at[MOVES]
        if plain:
            for p in range(first, last):
                if places[positions[p]["instrument"] % len(places)]["group"] == group:
                    _write_changes(changes, at, places, positions, p)
            _write_hedge_changes(changes, at, assets, hedge, hedge_change, holding_row, collateral, c_first, c_last, group)
            if at[MOVES] > moves:
                write_code(codes, at, CHANGES, at[MOVES] - moves, SCANNED, 0.0)
            _write_hedges(codes, tokens, at, assets, hedge, holding_row, collateral, c_first, c_last, group, HEDGE, SCANNED, shifts)
        else:
            undated = _hedged(hedge, collateral, c_first, c_last, group)
            for p in range(first, last):
                place = places[positions[p]["instrument"] % len(places)]
                if place["group"] != group or place["expiry"] == UNDATED:
                    undated = undated or place["group"] == group
                    continue
                known = False
                for q in range(first, p):
                    other = places[positions[q]["instrument"] % len(places)]
                    known = known or (other["group"] == group and other["expiry"] == place["expiry"])
                if not known:
                    write_code(codes, at, EXPIRY_OPEN, 0, 0.0, 0.0)
                    _fold_expiry(codes, values, changes, at, instruments, places, positions, first, last, group, place["expiry"])
                    write_code(codes, at, EXPIRY_CLOSE, place["expiry"], 0.0, 0.0)
            if undated:
                write_code(codes, at, EXPIRY_OPEN, 0, 0.0, 0.0)
                _fold_expiry(codes, values, changes, at, instruments, places, positions, first, last, group, UNDATED)
                moves = at[MOVES]
                _write_hedge_changes(changes, at, assets, hedge, hedge_change, holding_row, collateral, c_first, c_last, group)
                if at[MOVES] > moves:
                    write_code(codes, at, CHANGES, at[MOVES] - moves, OTHERS, 0.0)
                _write_hedges(codes, tokens, at, assets, hedge, holding_row, collateral, c_first, c_last, group, HEDGE, OTHERS, shifts)
                write_code(codes, at, EXPIRY_CLOSE, UNDATED, 0.0, 0.0)
        if grid["capped"] != 0 and not _hedged(hedge, collateral, c_first, c_last, group):
            fold_cap(codes, values, at, instruments, places, positions, first, last, group)
        if together == CREDITS:
            before = at[VALUES]
            for p in range(first, last):
                place = places[positions[p]["instrument"] % len(places)]
                if place["group"] == group:
                    write_value_entry(values, at, place["delta_row"], positions[p]["quantity"])
            if at[VALUES] > before:
                write_code(codes, at, DELTA, at[VALUES] - before, float(g), 0.0)
            _write_hedges(codes, tokens, at, assets, hedge, holding_row, collateral, c_first, c_last, group, DELTA_HEDGE, float(g), 0.0)
        if lines:
            # Positions are sorted by risk group.
            begin = last
            end = first
            for p in range(first, last):
                if places[positions[p]["instrument"] % len(places)]["group"] == group:
                    begin = min(begin, p)
                    end = p + 1
            write_code(codes, at, FLOOR_OPEN, 0, 0.0, 0.0)
            _fold_lines(codes, values, needs, measures, legs, at, span, add_ons, slot, positions, begin, end, model, FLOOR, 1.0, constants)
            write_code(codes, at, FLOOR_CLOSE, 0, constants[0], constants[1])
        write_code(codes, at, SCAN_END, group, multiplier, float(g))
        listed = terms[model, group]["set"]
        if listed >= 0 and (g + 1 == found or terms[model, seen[g + 1]]["set"] != listed):
            write_code(codes, at, LIST_END, 0, multiplier, 0.0)
    if together == CREDITS:
        for c in range(grid["first_credit"], grid["first_credit"] + grid["credits"]):
            one = -1
            two = -1
            for g in range(found):
                one = g if seen[g] == scans.credits[c]["first"] else one
                two = g if seen[g] == scans.credits[c]["second"] else two
            if one >= 0 and two >= 0:
                write_code(codes, at, CREDITED, c, float(one), float(two))
    if together > OFFSETS and found > 0:
        # The places of groups in the pool are not their codes: correlation needs both.
        write_code(codes, at, POOL_END, found, multiplier, 0.0)
