"""Daily values of factors as a matrix, and how a move between two of them is measured and applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.errors import Fault
from stresstest.scenarios.factors import FACTOR_TYPES, Shift, split_factor

Floats = npt.NDArray[np.float64]
Days = npt.NDArray[np.int64]

Return = Literal["relative", "log", "absolute"]
"""How a move from v to w is measured: w/v - 1, ln(w/v), w - v."""

RATIOS = ("spot", "vol", "collateral", "depth", "margin_rate")
"""Factor types that move in proportion unless a generator says otherwise; the others, which may be zero, by differences."""

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class History:
    """Values f64[days, factors], NaN where a factor has none that day; `days` since 1970-01-01 ascending, every day on which any factor has one.

    `additive`: factors whose price may be negative, so that no ratio of two of them means anything.
    """

    days: Days
    factors: tuple[str, ...]
    values: Floats
    additive: frozenset[str]

    def only(self, factors: Sequence[str]) -> History:
        """These factors alone, in this order; all days stay."""
        places = [self.factors.index(name) for name in factors]
        return History(self.days, tuple(factors), self.values[:, places], self.additive)


def history_of(rows: pl.DataFrame, until: date, additive: frozenset[str]) -> tuple[History, list[Fault]]:
    """The matrix of a history table, without days after `until`, and what is wrong with it.

    Args:
        rows: the table `history`, sorted by factor and date.
        until: the day of the snapshot.
        additive: names of assets whose price may be negative.
    """
    rows = rows.filter(pl.col("date") <= until)
    factors = tuple(rows["factor"].unique(maintain_order=True))
    number = rows["date"].dt.epoch("d").cast(pl.Int64).to_numpy()
    days = np.unique(number)
    values = np.full((len(days), len(factors)), np.nan)
    place = rows["factor"].replace_strict(factors, range(len(factors)), return_dtype=pl.Int64).to_numpy() if factors else np.empty(0, np.int64)
    values[np.searchsorted(days, number), place] = rows["value"].to_numpy()
    free = frozenset(name for name in factors if split_factor(name)[0] == "spot" and split_factor(name)[1] in additive)
    return History(days, factors, values, free), [*_misnamed(factors), *_below_zero(rows, free)]


def _misnamed(factors: Sequence[str]) -> list[Fault]:
    wrong = [name for name in factors if split_factor(name)[0] not in FACTOR_TYPES or split_factor(name)[1] in ("", "*")]
    hint = f"Factors are `type:name`, for example spot:BTC; types: {', '.join(FACTOR_TYPES)}."
    return [Fault("is no risk factor", hint, table="history", column="factor", rule="known factor type", keys=tuple(wrong[:5]))] if wrong else []


def _below_zero(rows: pl.DataFrame, free: frozenset[str]) -> list[Fault]:
    kind = pl.col("factor").str.extract("^([a-z_]+):", 1)
    bad = rows.filter((pl.col("value") <= 0.0) & kind.is_in(RATIOS) & ~pl.col("factor").is_in(list(free)))
    if bad.is_empty():
        return []
    keys = tuple(f"{day} / {factor}" for day, factor in bad.select("date", "factor").head(5).iter_rows())
    hint = "Mend the history; a price may be negative only of assets with `may_be_negative`."
    return [Fault("is zero or below", hint, table="history", column="value", rule="above zero", rows=bad.height, keys=keys)]


def day(number: int) -> date:
    """The date of a number of days since 1970-01-01."""
    return date.fromordinal(_EPOCH.toordinal() + number)


def day_number(value: date) -> int:
    """Days since 1970-01-01."""
    return value.toordinal() - _EPOCH.toordinal()


def kinds_of(history: History, factors: Sequence[str], chosen: Mapping[str, Return], ratio: Return) -> list[Return]:
    """How each factor's moves are measured: as `chosen` for its type, else `ratio` for the types of `RATIOS` and differences for the others.

    Prices that may be negative move by differences, whatever is chosen.
    """
    found: list[Return] = []
    for name in factors:
        kind = split_factor(name)[0]
        found.append("absolute" if name in history.additive else chosen.get(kind, ratio if kind in RATIOS else "absolute"))
    return found


def moved(before: Floats, after: Floats, kind: Return) -> Floats:
    """The moves from `before` to `after`, elementwise."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "absolute":
            return np.asarray(after - before)
        ratio = after / before
        return np.asarray(np.log(ratio) if kind == "log" else ratio - 1.0)


def shift_of(kind: Return) -> Shift:
    """The shift type that applies a move."""
    return "absolute" if kind == "absolute" else "relative"


def size_of(moves: Floats, kind: Return) -> Floats:
    """The sizes of the shocks that apply moves: exp(x) - 1 of a logarithmic one."""
    return np.asarray(np.expm1(moves) if kind == "log" else moves)
