"""American options on a binomial tree: the run solves an integral equation instead (methodology, section 3).

A step multiplies the underlying by m*exp(+-s), each with probability one half, s = vol*sqrt(step) and m such that its mean grows by
the carry; normal vols add the drift and +-s. The premium of early exercise is the American less the European value of the same tree, the
mean of two lengths. It is right to about 2e-4 of the strike, which is what comparisons of books that hold American options must allow.
"""

from __future__ import annotations

import math
from itertools import pairwise

from oracle.options import LARGEST_VOL, Option, bounds, implied_vol, price

STEPS = 80


def exercise_value(option: Option, spot: float) -> float:
    """What exercise now gives, in the mark's unit."""
    return max(0.0, option.w * (spot - option.strike)) / (spot if option.inverse else 1.0)


def value(option: Option, spot: float, forward: float, vol: float, years: float, discount: float) -> float:
    """Price in the mark's unit of an option of either exercise; `discount` exp(-r*T), 1 for margined and coin options."""
    european = price(option, forward, vol, years, discount)
    if not option.american or years == 0.0:
        return european
    if not option.normal and min(spot, forward, option.strike) <= 0.0:
        return max(european, exercise_value(option, spot))
    low, high = limits(option, spot, forward, discount)
    premiums = [premium(option, spot, forward, vol, years, discount, steps) for steps in (STEPS, STEPS + 1)]
    if all(at_once for _, at_once in premiums):
        return low
    return min(max(low, european + 0.5 * sum(amount for amount, _ in premiums)), high)


def premium(option: Option, spot: float, forward: float, vol: float, years: float, discount: float, steps: int) -> tuple[float, bool]:
    """What early exercise adds, in the mark's unit, and whether the tree exercises at once."""
    move = vol * math.sqrt(years / steps)
    growth = 0.0 if option.normal else math.log(forward / spot) / steps
    # A coin option in money is discounted as coin is: its price grows by the carry.
    step_discount = math.exp(-growth) if option.inverse else discount ** (1.0 / steps)
    mean = math.exp(growth) / math.cosh(move) if not option.normal else 0.0

    def payoffs(step: int) -> list[float]:
        if option.normal:
            start = spot + (forward - spot) * step / steps
            prices = [start + move * (2 * ups - step) for ups in range(step + 1)]
        else:
            start = spot * mean**step
            prices = [start * math.exp(move * (2 * ups - step)) for ups in range(step + 1)]
        return [option.w * (amount - option.strike) for amount in prices]

    american = european = [max(0.0, amount) for amount in payoffs(steps)]
    half = 0.5 * step_discount
    for step in range(steps - 1, -1, -1):
        european = [half * (low + high) for low, high in pairwise(european)]
        held = [half * (low + high) for low, high in pairwise(american)]
        american = [max(keep, now) for keep, now in zip(held, payoffs(step), strict=True)]
    at_once = option.w * (spot - option.strike) > 0.0 and american[0] > held[0]
    return (american[0] - european[0]) / (spot if option.inverse else 1.0), at_once


def limits(option: Option, spot: float, forward: float, discount: float) -> tuple[float, float]:
    """The no-arbitrage bounds of a price of either exercise: an American option is worth at least what exercise now gives, and a call at most the
    underlying, a put the strike, now or at expiry."""
    low, high = bounds(option, forward, discount)
    if not option.american:
        return low, high
    now = spot if option.w > 0.0 else option.strike
    low = max(low, exercise_value(option, spot))
    return low, max(low, high, now / spot if option.inverse else now)


def vol_of_mark(option: Option, mark: float, spot: float, forward: float, years: float, discount: float, given: float) -> float | None:
    """The vol that gives the mark; None where there is none. Of an American option worth what exercise gives, the given vol if that explains it."""
    if not option.american:
        return implied_vol(option, mark, forward, years, discount)
    low, high = 1e-6 * (max(abs(forward), abs(option.strike)) if option.normal else 1.0), LARGEST_VOL
    if mark <= limits(option, spot, forward, discount)[0] or mark <= value(option, spot, forward, low, years, discount):
        explained = given > 0.0 and mark == value(option, spot, forward, given, years, discount)
        return given if explained else None
    if not option.normal and mark >= limits(option, spot, forward, discount)[1]:
        return None
    while option.normal and value(option, spot, forward, high, years, discount) < mark:
        high *= 2.0
    if value(option, spot, forward, high, years, discount) < mark:
        return None
    while high - low > 1e-7 * high:
        middle = 0.5 * (low + high)
        if value(option, spot, forward, middle, years, discount) < mark:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)
