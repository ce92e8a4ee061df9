"""A loss that nothing prefunded covers is taken from those who gained: from their gains, or by closing their positions.

Gains haircut: everyone gives up the same share of what was gained. Deleveraging closes opposite positions at the price at which the loss is paid:
along a queue of the most profitable and most leveraged, or everyone's in proportion.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def gains_haircut(loss: float, gains: Floats) -> tuple[float, Floats]:
    """The share h = min(1, loss / sum of gains) that everyone gives up, and the amounts h * G_i; `gains` are at least zero."""
    total = float(gains.sum())
    share = min(1.0, loss / total) if total > 0.0 else 0.0
    return share, share * gains


def effective_leverage(notional: Floats, equity: Floats) -> Floats:
    """|mark value| / (mark value - bankruptcy value): a position's mark is worth as much more as its account has equity.

    `notional` f64[positions], `equity` f64[positions] of their accounts, one currency; f64[positions], infinite without equity.
    """
    return np.asarray(np.divide(np.abs(notional), equity, out=np.full(len(notional), np.inf), where=equity > 0.0))


def queue_score(profit: Floats, leverage: Floats) -> Floats:
    """Place in the queue, the largest first: profit as a share of entry value times leverage, a loss divided by it.

    `profit` f64[positions], a share of entry value; `leverage` f64[positions] above zero, see `effective_leverage`; f64[positions].

    Source: BitMEX, "Auto-deleveraging" (help page).
    """
    return np.asarray(np.where(profit > 0.0, profit * leverage, profit / leverage))


def closed_by_queue(quantity: float, held: Floats, score: Floats) -> Floats:
    """How much of each position is closed: whole ones from the largest score on, the last in part; ties in order.

    `quantity` in all, and `held` f64[positions], sizes at least zero in one unit; f64[positions] from 0 to `held`.
    """
    order = np.argsort(-score, kind="stable")
    before = np.concatenate([[0.0], np.cumsum(held[order])[:-1]])
    closed = np.empty(len(held))
    closed[order] = np.clip(quantity - before, 0.0, held[order])
    return closed


def closed_in_proportion(quantity: float, held: Floats) -> Floats:
    """The same as `closed_by_queue`, of every position in proportion to its size."""
    total = float(held.sum())
    return held * min(1.0, quantity / total) if total > 0.0 else np.zeros(len(held))
