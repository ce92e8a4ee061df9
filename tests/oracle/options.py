"""European options on a forward: Black-76 and Bachelier with the error function, implied vol by bisection (methodology, section 3)."""

from __future__ import annotations

import math
from dataclasses import dataclass

LARGEST_VOL = 10.0


@dataclass(frozen=True)
class Option:
    """The terms of an option that do not change with the state: w = +1 call, -1 put. Functions here look at its European value alone."""

    w: float
    strike: float
    inverse: bool
    normal: bool
    american: bool = False


def normal_cdf(x: float) -> float:
    """N(x); erfc keeps the small tail exact."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def normal_density(x: float) -> float:
    """The density of the normal distribution."""
    return math.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)


def undiscounted(option: Option, forward: float, vol: float, years: float) -> float:
    """Black-76 w*F*N(w*d1) - w*K*N(w*d2), Bachelier for normal vols, intrinsic where vol*sqrt(years) is zero."""
    w, strike = option.w, option.strike
    deviation = vol * math.sqrt(years)
    if option.normal:
        if deviation == 0.0:
            return max(0.0, w * (forward - strike))
        d = w * (forward - strike) / deviation
        return w * (forward - strike) * normal_cdf(d) + deviation * normal_density(d)
    if deviation == 0.0 or forward <= 0.0 or strike <= 0.0:
        return max(0.0, w * (forward - strike))
    d1 = math.log(forward / strike) / deviation + deviation / 2.0
    d2 = d1 - deviation
    return w * forward * normal_cdf(w * d1) - w * strike * normal_cdf(w * d2)


def price(option: Option, forward: float, vol: float, years: float, discount: float) -> float:
    """Price in the mark's unit: discounted; a coin option is undiscounted and divided by the forward."""
    if option.inverse:
        return undiscounted(option, forward, vol, years) / forward
    return discount * undiscounted(option, forward, vol, years)


def bounds(option: Option, forward: float, discount: float) -> tuple[float, float]:
    """The no-arbitrage bounds of a price: discounted intrinsic, and discounted forward (call) or strike (put); none above for normal vols."""
    scale = 1.0 / forward if option.inverse else discount
    low = scale * max(0.0, option.w * (forward - option.strike))
    if option.normal:
        return low, math.inf
    return low, scale * (forward if option.w > 0.0 else option.strike)


def implied_vol(option: Option, mark: float, forward: float, years: float, discount: float) -> float | None:
    """The vol at which the model gives the mark, to the last bit that bisection reaches; None where there is none."""
    low_price, high_price = bounds(option, forward, discount)
    # A time value in the last digits of the mark is its rounding: vols of any size would explain it.
    rounding = 1e-14 * max(abs(forward), abs(option.strike)) * (1.0 / forward if option.inverse else discount)
    if not low_price + rounding < mark < high_price:
        return None
    low, high = 0.0, LARGEST_VOL
    if option.normal:
        while price(option, forward, high, years, discount) < mark:
            high *= 2.0
    elif price(option, forward, high, years, discount) < mark:
        return None
    while True:
        middle = 0.5 * (low + high)
        if middle in (low, high):
            return middle
        if price(option, forward, middle, years, discount) < mark:
            low = middle
        else:
            high = middle
