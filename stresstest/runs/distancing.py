"""The table of distances, where the run file asks for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.config.reverse import Reverse
from stresstest.errors import counted
from stresstest.executors import Executor
from stresstest.results.inputs import FOLDER as INPUTS
from stresstest.results.inputs import RUN
from stresstest.results.store import PartWriter, finish_parts
from stresstest.runs.planning import Plan
from stresstest.runs.writing import Valued
from stresstest.snapshot.book import Book, Dimensions
from stresstest.snapshot.stage import load_block
from stresstest.stress.distance.axes import ALL_SPOTS, MOST_SPOTS, Axis, axes
from stresstest.tables import DISTANCE

if TYPE_CHECKING:  # the kernels take long to import, and a refused snapshot does not wait for them
    from stresstest.config import RunFile
    from stresstest.stress.distance.distances import Distances
    from stresstest.stress.static import StressResult

ROWS_OF_A_PART = 131_072
"""Rows of the table that are put into words at once, but for those of the last pool."""


def other_distances(settings: RunFile, folder: Path, tables: Collection[str]) -> str | None:
    """How the distances of a finished run are not those that settings ask for; None where they are.

    Args:
        settings: of a run that is to come.
        folder: of the finished run.
        tables: those that the finished run has.
    """
    if DISTANCE.name not in tables:
        return "without the table `distance`" if settings.reverse.asks else None
    stated = json.loads((folder / INPUTS / RUN).read_text(encoding="utf-8")).get("reverse") or {}
    return None if Reverse.model_validate(stated) == settings.reverse else "with other distances"


def axes_of(plan: Plan, valued: Valued) -> tuple[tuple[Axis, ...], str]:
    """What distances are measured along, and what to say of spots left out; nothing where none are asked for.

    Raises:
        StressTestError: configuration, with every factor and scenario that is not there.
    """
    asked, dimensions = plan.settings.reverse.distance, valued.book.dimensions
    if not plan.settings.reverse.asks:
        return (), ""
    spots = _spots(valued.book, np.ascontiguousarray(valued.units.notional[:, 0])) if ALL_SPOTS in asked.factors else []
    found = axes(asked.factors, asked.along, (asked.most.down, asked.most.up), dimensions, plan.rulebook, plan.scenarios, spots)
    left_out = len(spots) - MOST_SPOTS
    said = f"{ALL_SPOTS} of reverse.distance: the {MOST_SPOTS} with the largest gross notional; {counted(left_out, 'spot')} left out"
    return found, said if left_out > 0 else ""


def _spots(book: Book, notional: npt.NDArray[np.float64]) -> list[str]:
    """Underlyings of positions, by gross notional, the largest first; without the reporting currency."""
    assets = book.dimensions.assets["asset"]
    underlying = book.dimensions.instruments["underlying_code"].to_numpy()
    gross = np.zeros(len(assets))
    for number in range(book.blocks):
        block = load_block(book, number)
        gross += np.bincount(underlying[block.instrument], weights=np.abs(block.quantity) * notional[block.instrument], minlength=len(assets))
    order = np.argsort(-gross, kind="stable")
    return [assets[int(code)] for code in order if gross[code] > 0.0 and assets[int(code)] != book.dimensions.reporting_currency]


def write_distances(
    plan: Plan,
    valued: Valued,
    stressed: StressResult,
    wanted: tuple[Axis, ...],
    executor: Executor,
    parts: Path,
    result: Path,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write the table `distance`.

    Args:
        plan: of the run.
        valued: the book under its scenarios.
        stressed: the first pass over it.
        wanted: the axes.
        executor: on which blocks are mapped.
        parts: a folder for parts of tables.
        result: the result folder.
        on_progress: `on_progress(done, all)` is called after every axis.
    """
    from stresstest.stress.distance.distances import distances
    from stresstest.stress.distance.states import Valuer
    from stresstest.stress.held import held_by_model

    book = valued.book
    valuer = Valuer(book.dimensions, plan.rulebook, valued.units, held_by_model(book, plan.rulebook))
    found = distances(book, valuer, stressed.holders, wanted, plan.settings.reverse.distance.targets, executor, on_progress)
    sink = PartWriter(parts, plan.scenarios.ids)
    start = number = 0
    while start < len(found.pool):
        last = min(start + ROWS_OF_A_PART, len(found.pool)) - 1
        end = int(np.searchsorted(found.pool, found.pool[last], side="right"))
        sink(DISTANCE, number, in_words(found.take(slice(start, end)), wanted, book.dimensions))
        start, number = end, number + 1
    finish_parts(parts, result, DISTANCE)


def in_words(found: Distances, wanted: tuple[Axis, ...], dimensions: Dimensions) -> pl.DataFrame:
    """Rows of the table `distance`."""
    from stresstest.stress.distance.distances import TARGETS

    account = dimensions.pools["account_code"].gather(found.pool)
    names = [(axis.name, way) for axis in wanted for way, _ in axis.ways]
    first = np.cumsum([0, *(len(axis.ways) for axis in wanted)])[:-1]
    place = first[found.axis] + found.way
    base = np.array([axis.base for axis in wanted])[found.axis]
    # Of a scenario 1 + shift is no level, and its base is NaN.
    level = base * (1.0 + found.shift)
    return pl.DataFrame(
        {
            "owner_id": dimensions.accounts["owner_id"].gather(account),
            "account_id": dimensions.accounts["account_id"].gather(account),
            "pool_id": dimensions.pools["pool_id"].gather(found.pool),
            "factor": pl.Series([name for name, _ in names], dtype=pl.String).gather(place),
            "direction": pl.Series([way for _, way in names], dtype=pl.String).gather(place),
            "target": pl.Series(TARGETS, dtype=pl.String).gather(found.target),
            "shift": pl.Series(found.shift, nan_to_null=True),
            "level": pl.Series(level, nan_to_null=True),
            "gross_notional": found.gross,
        }
    )
