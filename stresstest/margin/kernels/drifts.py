"""What positions and collateral of pools lose from one state of a scenario to another, by asset: gains of others do not make up for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.jit import kernel

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Records = npt.NDArray[Any]


@kernel
def add_losses(
    lost: Floats,
    counted: Floats,
    position_first: Longs,
    positions: Records,
    collateral_first: Longs,
    collateral: Records,
    assets: Longs,
    slope: Floats,
    cost: Floats,
    settle: Floats,
    share: Floats,
    share_of: Longs,
    moved: Flags,
    moved_asset: Flags,
) -> None:
    """lost[asset, s] += counted[pool, s] * max(0, -(change of each position or row of collateral)).

    Args:
        lost: f64[assets, S].
        counted: f64[pools, S], one or zero.
        position_first: i64[pools + 1].
        positions: of the pools; instruments by code in the book.
        collateral_first: i64[pools + 1].
        collateral: of the pools; assets by code in the book.
        assets: i64[instruments, 1] the asset to whose account an instrument is laid.
        slope: f64[instruments, S] change of the value slope.
        cost: f64[instruments, S] of the cost slope.
        settle: f64[instruments, S] of the price of the settle asset.
        share: f64[holdings, S] change of what one unit of a holding is worth; the first are the assets, where nothing of them is lost.
        share_of: i64[assets, locations + 1] the holding that a deposit is; debts are owed whole.
        moved: bool[instruments] where any of them is not zero.
        moved_asset: bool[assets].
    """
    width = lost.shape[1]
    for pool in range(len(position_first) - 1):
        for p in range(position_first[pool], position_first[pool + 1]):
            i = positions[p]["instrument"]
            if moved[i]:
                a = assets[i, 0]
                q = positions[p]["quantity"]
                c = positions[p]["cost"]
                f = positions[p]["funding"]
                for s in range(width):
                    lost[a, s] += counted[pool, s] * max(0.0, -(q * slope[i, s] + c * cost[i, s] + f * settle[i, s]))
        for n in range(collateral_first[pool], collateral_first[pool + 1]):
            a = collateral[n]["asset"]
            if moved_asset[a]:
                amount = collateral[n]["amount"]
                row = share_of[a, collateral[n]["location"] + 1] if amount > 0.0 else a
                for s in range(width):
                    lost[a, s] += counted[pool, s] * max(0.0, -(amount * share[row, s]))
