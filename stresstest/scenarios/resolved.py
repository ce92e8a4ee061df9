"""Scenarios resolved against a book: what every factor is worth in every scenario, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class PricesApart(NamedTuple):
    """What rates and spot shocks each make of prices, f64[assets, S] in the asset's own price currency.

    `of_rates`: rates moved, no spot shock; `of_spots`: spot shocks at base rates (where that gives no price, the price with both).
    """

    of_rates: Floats
    of_spots: Floats


class DepthMove(NamedTuple):
    """What a scenario makes of a depth D, f64[S] each: scale * D + shift."""

    scale: Floats
    shift: Floats


@dataclass(frozen=True)
class Resolved:
    """Factor values; the last axis is the scenario, in file order, with `base` at 0. Rows are codes of the book's dimensions.

    `spot` f64[assets, S] in the asset's own price currency (duration effect included); `value` f64[assets, S] in reporting currency
    (X of the methodology).
    `rate` f64[assets, S]. `basis` f64[instruments, S], annualised ones already times the time to expiry.
    `vol_scale`, `vol_shift` f64[options, S]: stressed vol = clamp(scale * base vol + shift, 0, 10); rows follow `option_codes` i32[options]
    (instrument codes of kind option, ascending).
    `collateral_ratio` f64[assets, S]. `haircut_scale`, `haircut_shift` f64[assets, S]: band haircut = clamp(scale * h + shift, 0, 1).
    `holding` f64[assets, locations + 1, S] would be mostly ones, so it is sparse: `holding_rows` maps (asset code, location code or -1) to f64[S];
    pairs not in it are 1 everywhere.
    `margin_rate` maps a margin schedule name or a model name to f64[S]; names not in it are 1 everywhere.
    `depth` maps asset code to f64[S] (NaN where the asset has none); assets not in it are unshocked.
    `depth_moves` maps the same codes to what the scenarios do to any depth of theirs: a run file may state others than the snapshot.
    `elapsed_years` f64[S]: horizon of scenarios with decay, else 0.
    `apart`: the two parts of prices that follow a rate; None where no price moves with one.
    """

    ids: tuple[str, ...]
    spot: Floats
    value: Floats
    rate: Floats
    basis: Floats
    option_codes: npt.NDArray[np.int32]
    vol_scale: Floats
    vol_shift: Floats
    collateral_ratio: Floats
    haircut_scale: Floats
    haircut_shift: Floats
    holding_rows: dict[tuple[int, int], Floats]
    margin_rate: dict[str, Floats]
    depth: dict[int, Floats]
    elapsed_years: Floats
    apart: PricesApart | None = None
    depth_moves: dict[int, DepthMove] = field(default_factory=dict)

    @property
    def scenarios(self) -> int:
        """Number of scenarios, base included."""
        return len(self.ids)

    def take(self, positions: Sequence[int]) -> Resolved:
        """These scenarios alone, in this order."""
        chosen = list(positions)
        tables = ("spot", "value", "rate", "basis", "vol_scale", "vol_shift", "collateral_ratio", "haircut_scale", "haircut_shift")
        return replace(
            self,
            ids=tuple(self.ids[position] for position in chosen),
            **{name: getattr(self, name)[:, chosen] for name in tables},
            holding_rows={pair: shares[chosen] for pair, shares in self.holding_rows.items()},
            margin_rate={name: rates[chosen] for name, rates in self.margin_rate.items()},
            depth={asset: depths[chosen] for asset, depths in self.depth.items()},
            depth_moves={asset: DepthMove(move.scale[chosen], move.shift[chosen]) for asset, move in self.depth_moves.items()},
            elapsed_years=self.elapsed_years[chosen],
            apart=None if self.apart is None else PricesApart(*(prices[:, chosen] for prices in self.apart)),
        )
