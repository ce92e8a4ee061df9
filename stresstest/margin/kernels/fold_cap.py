"""Fold what a group of options can still lose: their value less the lowest payoff of their settlement, expiry by expiry."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.jit import kernel
from stresstest.margin.kernels.program import CAP, VALUES, write_code, write_value_entry

Counters = npt.NDArray[np.int64]
Records = npt.NDArray[Any]


@kernel
def _same_expiry(instruments: Records, places: Records, positions: Records, p: int, q: int) -> bool:
    """Options of p and q settle at the same price at the same moment."""
    i = positions[p]["instrument"]
    j = positions[q]["instrument"]
    one = places[i % len(places)]
    two = places[j % len(places)]
    same = instruments[i]["underlying"] == instruments[j]["underlying"] and one["expires"] == two["expires"]
    return bool(same and one["strike_row"] == two["strike_row"])


@kernel
def _lowest_payoff(instruments: Records, places: Records, positions: Records, first: int, last: int, group: int, p: int) -> float:
    """What the options that expire with p pay at worst, in the strike's currency; minus infinity where more calls are sold than bought."""
    calls = 0.0
    lowest = np.inf
    for k in range(first - 1, last):
        # Settled at zero first, then at every strike: between them the payoff is a straight line.
        settled = 0.0
        if k >= first:
            if places[positions[k]["instrument"] % len(places)]["group"] != group or not _same_expiry(instruments, places, positions, p, k):
                continue
            settled = places[positions[k]["instrument"] % len(places)]["strike"]
        paid = 0.0
        for q in range(first, last):
            place = places[positions[q]["instrument"] % len(places)]
            if place["group"] != group or not _same_expiry(instruments, places, positions, p, q):
                continue
            size = positions[q]["quantity"] * place["size"]
            paid += size * max(0.0, place["sign"] * (settled - place["strike"]))
            if k < first and place["sign"] > 0.0:
                calls += size
        lowest = min(lowest, paid)
    return -np.inf if calls < 0.0 else lowest


@kernel
def fold_cap(
    codes: Records, values: Records, at: Counters, instruments: Records, places: Records, positions: Records, first: int, last: int, group: int
) -> bool:
    """What a group of paid linear options can still lose; whether it is such a group and what it can lose has an end."""
    start = at[VALUES]
    for p in range(first, last):
        place = places[positions[p]["instrument"] % len(places)]
        if place["group"] != group or positions[p]["quantity"] == 0.0:
            continue
        if place["payable"] == 0 or _lowest_payoff(instruments, places, positions, first, last, group, p) == -np.inf:
            return False
    opened = 1.0
    for p in range(first, last):
        if places[positions[p]["instrument"] % len(places)]["group"] != group or positions[p]["quantity"] == 0.0:
            continue
        before = at[VALUES]
        known = False
        for q in range(first, last):
            if places[positions[q]["instrument"] % len(places)]["group"] != group or positions[q]["quantity"] == 0.0:
                continue
            if _same_expiry(instruments, places, positions, p, q):
                known = known or q < p
                if not known:
                    write_value_entry(values, at, instruments[positions[q]["instrument"]]["value_row"], positions[q]["quantity"])
        if not known:
            lowest = _lowest_payoff(instruments, places, positions, first, last, group, p)
            write_value_entry(values, at, places[positions[p]["instrument"] % len(places)]["strike_row"], -lowest)
            write_code(codes, at, CAP, at[VALUES] - before, opened, 0.0)
            opened = 0.0
    return bool(at[VALUES] > start)
