"""Wrong way: collateral that loses value together with the positions that it covers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stresstest.stress.tolerance import RELATIVE_TOLERANCE, TOLERANCE

Floats = npt.NDArray[np.float64]


def wrong_way_losses(position_pnl: Floats, collateral_pnl: Floats, tolerance: Floats) -> tuple[Floats, Floats]:
    """Per account what its collateral loses where its positions lose too, and all that it loses: losses of positions and of collateral, each where
    there is one.

    Args:
        position_pnl: change of the value of positions, reporting currency.
        collateral_pnl: change of the value of balances.
        tolerance: what is no loss but rounding: max(0.01, 1e-9 * gross notional at base).
    """
    position, collateral = (np.where(pnl < -tolerance, -pnl, 0.0) for pnl in (position_pnl, collateral_pnl))
    return np.where(position > 0.0, collateral, 0.0), position + collateral


def account_wrong_way_share(position_pnl: float, collateral_pnl: float, gross_notional: float) -> float:
    """The wrong-way share of one account: collateral loss / (collateral loss + position loss) where both lose, else 0."""
    tolerance = max(TOLERANCE, RELATIVE_TOLERANCE * gross_notional)
    wrong, gross = wrong_way_losses(np.array([position_pnl]), np.array([collateral_pnl]), np.array([tolerance]))
    return wrong_way_share(float(wrong[0]), float(gross[0]))


def wrong_way_share(wrong_way_loss: float, gross_loss: float) -> float:
    """The part of what is lost that is lost the wrong way; 0 where nothing is lost."""
    return wrong_way_loss / gross_loss if gross_loss > 0.0 else 0.0
