"""Resolved factor values in long form: one row per scenario, factor and part of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions

Floats = npt.NDArray[np.float64]

Which = Literal["shocked", "moved", "all"]
"""Rows wanted: of the factors that any scenario moves, in all scenarios; of those that a scenario moves; of all factors."""

CELLS = 131_072
"""Rows made at once."""


@dataclass(frozen=True)
class Factors:
    """Factors as rows, in order of `factor` and `part`: `base` f64[rows], `values` f64[rows, S], NaN where there is none.

    `part` says what of a factor a row is about where it has several values: the option of a vol, the location of a holding (None: none), band
    and calculation of a haircut.
    """

    factor: list[str]
    part: list[str | None]
    base: Floats
    values: Floats

    def __len__(self) -> int:
        return len(self.factor)

    def chosen(self, rows: npt.NDArray[np.bool_]) -> Factors:
        """Some of the rows."""
        numbers = np.flatnonzero(rows).tolist()
        return Factors([self.factor[row] for row in numbers], [self.part[row] for row in numbers], self.base[rows], self.values[rows])


@dataclass(frozen=True)
class Vols:
    """Of the options, in the order of `Resolved.option_codes`: `base` f64[options], NaN for none, and `highest`, where a stressed vol is clamped."""

    base: Floats
    highest: Floats


@dataclass(frozen=True)
class Haircut:
    """One haircut of an asset (code): `part` says of which band and calculation it is."""

    asset: int
    part: str
    value: float


def factors(dimensions: Dimensions, resolved: Resolved, vols: Vols, haircuts: list[Haircut], held: Collection[tuple[int, int]]) -> Factors:
    """All factors of a book. Of `holding`, `margin_rate` and `depth` only those that a shock means: the others are as at base everywhere.

    Args:
        dimensions: the book's dimension tables.
        resolved: factor values.
        vols: base vols of the options, which the scenarios do not know.
        haircuts: base haircuts of the collateral schedules, which they do not know either.
        held: assets and locations (codes, -1 = none) that have holdings at all.
    """
    assets, instruments = dimensions.assets["asset"].to_list(), dimensions.instruments["instrument_id"].to_list()
    locations = [*dimensions.locations["location"].to_list(), None]  # the last stands for -1, none
    underlying = dimensions.instruments["underlying"].to_list()
    bands = np.array([each.asset for each in haircuts], dtype=np.int64)
    cut = np.array([each.value for each in haircuts], dtype=np.float64)
    cuts = np.clip(resolved.haircut_scale[bands] * cut[:, None] + resolved.haircut_shift[bands], 0.0, 1.0)
    moved = resolved.vol_scale * vols.base[:, None] + resolved.vol_shift
    depth = dimensions.assets["depth"].cast(pl.Float64).fill_null(float("nan")).to_list()
    parts: list[tuple[str, str | None, float, Floats]] = [
        *((f"spot:{name}", None, float(row[0]), row) for name, row in zip(assets, resolved.spot, strict=True)),
        *((f"rate:{name}", None, float(row[0]), row) for name, row in zip(assets, resolved.rate, strict=True)),
        *((f"basis:{name}", None, 0.0, row) for name, row in zip(instruments, resolved.basis, strict=True)),
        *(
            (f"vol:{underlying[code]}", instruments[code], float(base), row)
            for code, base, row in zip(resolved.option_codes.tolist(), vols.base, np.clip(moved, 0.0, vols.highest[:, None]), strict=True)
        ),
        *((f"collateral:{name}", None, 1.0, row) for name, row in zip(assets, resolved.collateral_ratio, strict=True)),
        *((f"haircut:{assets[each.asset]}", each.part, each.value, row) for each, row in zip(haircuts, cuts, strict=True)),
        *((f"holding:{assets[pair[0]]}", locations[pair[1]], 1.0, row) for pair, row in resolved.holding_rows.items() if pair in held),
        *((f"margin_rate:{name}", None, 1.0, row) for name, row in resolved.margin_rate.items()),
        *((f"depth:{assets[code]}", None, depth[code], row) for code, row in resolved.depth.items()),
    ]
    parts.sort(key=lambda each: (each[0], each[1] is not None, each[1] or ""))
    values = np.array([row for *_, row in parts]).reshape(len(parts), resolved.scenarios)
    return Factors([name for name, *_ in parts], [part for _, part, *_ in parts], np.array([base for _, _, base, _ in parts]), values)


def expanded(given: Factors, ids: tuple[str, ...], which: Which) -> Iterator[pl.DataFrame]:
    """Rows `scenario_id, factor, part, base, value, absolute, relative`, scenario by scenario in order, some scenarios at once.

    `absolute` = value - base; `relative` = value / base - 1, null unless the base is above zero.
    """
    rows = given if which == "all" else given.chosen(np.asarray(_moved(given).any(axis=1)))
    names = pl.DataFrame(
        {"factor": rows.factor, "part": rows.part, "base": rows.base}, schema={"factor": pl.String, "part": pl.String, "base": pl.Float64}
    )
    step = max(CELLS // max(len(rows), 1), 1)
    for start in range(0, len(ids), step):
        lanes = range(start, min(start + step, len(ids)))
        frame = pl.concat([names.with_columns(scenario_id=pl.lit(ids[lane]), value=pl.Series(rows.values[:, lane])) for lane in lanes])
        frame = frame.with_columns(
            absolute=pl.col("value") - pl.col("base"), relative=pl.when(pl.col("base") > 0.0).then(pl.col("value") / pl.col("base") - 1.0)
        ).with_columns(pl.col(pl.Float64).fill_nan(None))
        if which == "moved":
            frame = frame.filter(pl.col("value").ne_missing(pl.col("base")))
        yield frame.select("scenario_id", "factor", "part", "base", "value", "absolute", "relative")


def _moved(given: Factors) -> npt.NDArray[np.bool_]:
    base = given.base[:, None]
    moved: npt.NDArray[np.bool_] = (given.values != base) & ~(np.isnan(given.values) & np.isnan(base))
    return moved
