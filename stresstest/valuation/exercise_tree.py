"""What early exercise adds to a put where interest is negative: a binomial tree.

With r < 0 and q < r a put is exercised between two boundaries, not below one: deep in the money, waiting for a strike that earns nothing is
better than paying to hold it. The integral equation of `exercise_boundary` has one boundary; such options are rare and take a tree.

The tree moves the forward by exp(+-v*sqrt(dt)), up with probability 1/(1 + exp(v*sqrt(dt))), which is one for every drift. The premium is the
American value less the European value of the same tree, so that their common error cancels; the mean over `STEPS` and one step more takes out most of
what is left, which changes sign with every step. Prices are then within 2e-4 of the strike for vols up to 100 % and three years.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

STEPS = 200

AT_ONCE = 64
"""Trees grown at once."""


def tree_premium(moneyness: Floats, rate: Floats, dividend: Floats, deviation: Floats) -> Floats:
    """What early exercise adds to a European put on x in put form (strike 1, time to expiry 1); not below zero. Elementwise."""
    premium = np.empty(len(moneyness))
    for first in range(0, len(moneyness), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        of_each = moneyness[part], rate[part], dividend[part], deviation[part]
        premium[part] = 0.5 * (_premium(*of_each, STEPS) + _premium(*of_each, STEPS + 1))
    return premium


def _premium(moneyness: Floats, rate: Floats, dividend: Floats, deviation: Floats, steps: int) -> Floats:
    step = 1.0 / steps
    move = deviation * np.sqrt(step)
    discount = np.exp(-rate * step)
    up = discount / (1.0 + np.exp(move))
    down = discount - up
    # Prices at expiry; a step earlier, each is up one move from its lower end and back by the drift.
    heights = np.arange(steps + 1)[:, None]
    price = moneyness * np.exp((rate - dividend) + move * (2 * heights - steps))
    back = np.exp(move - (rate - dividend) * step)
    european = np.maximum(1.0 - price, 0.0)
    american = european
    for _ in range(steps):
        price = price[:-1] * back
        european = up * european[1:] + down * european[:-1]
        american = np.maximum(up * american[1:] + down * american[:-1], 1.0 - price)
    premium: Floats = np.maximum(american[0] - european[0], 0.0)
    return premium
