"""From generators to ordinary scenarios with their shocks."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from itertools import product

import numpy as np
import polars as pl

from stresstest.documents import Problem, suggest
from stresstest.scenarios.generators.model import Axis, Generator, Grid, Ladder, Multiple
from stresstest.scenarios.generators.multiples import multiple
from stresstest.scenarios.generators.of_history import FromHistory
from stresstest.scenarios.scenario_set import SHOCKS, Scenario, ScenarioSet

Family = tuple[list[Scenario], pl.DataFrame]
"""Scenarios, and their shocks (columns `SHOCKS`, scenarios numbered from 0)."""


def generated(generators: Sequence[Generator], stated: ScenarioSet, file: str) -> tuple[Family, list[Problem]]:
    """The scenarios of a file's generators in order, and what is wrong with them; generators from history wait for a book.

    Args:
        generators: the generators of the file.
        stated: all scenarios that are stated, in this file and in others.
        file: the file.
    """
    scenarios: list[Scenario] = []
    frames, problems, rows = [pl.DataFrame(schema=SHOCKS)], [], 0
    for number, generator in enumerate(generators):
        if isinstance(generator, FromHistory):
            continue
        if isinstance(generator, Multiple):
            made, found = _multiples(generator, stated)
            problems += [dataclasses.replace(each, place=("generators", number, *each.place)) for each in found]
        else:
            made = _cells(generator.grid() if isinstance(generator, Ladder) else generator)
        own, shocks = made
        frames.append(shocks.with_columns(pl.col("scenario") + len(scenarios)))
        scenarios += [dataclasses.replace(each, first=each.first + rows, last=each.last + rows, file=file, generator=number) for each in own]
        rows += shocks.height
    return (scenarios, pl.concat(frames)), problems


# ---------------------------------------------------------------- grids and ladders


def _cells(grid: Grid) -> Family:
    """Every cell of a grid, the last axis first to move."""
    slugs, width = _slugs(grid.axes), len(grid.axes)
    about = grid.name or grid.id
    scenarios = []
    for number, cell in enumerate(product(*(axis.sizes for axis in grid.axes))):
        tail = ".".join(f"{slug}_{_plain(size)}" for slug, size in zip(slugs, cell, strict=True))
        words = ", ".join(f"{axis.factor} {_words(axis, size)}" for axis, size in zip(grid.axes, cell, strict=True))
        scenarios.append(
            Scenario(
                f"{grid.id}.{tail}",
                f"{about}: {words}",
                grid.family,
                grid.headline,
                grid.horizon_days,
                grid.decay,
                grid.source,
                grid.weight,
                first=number * width,
                last=(number + 1) * width,
            )
        )
    sizes = np.stack(np.meshgrid(*(np.array(axis.sizes) for axis in grid.axes), indexing="ij"), axis=-1).reshape(-1)
    once = pl.DataFrame([_row(axis) for axis in grid.axes], schema=SHOCKS, orient="row")
    cells = len(scenarios)
    shocks = pl.concat([once] * cells, rechunk=True) if cells else once.clear()
    numbers = pl.Series(np.repeat(np.arange(cells, dtype=np.int32), width), dtype=pl.Int32)
    return scenarios, shocks.with_columns(scenario=numbers, value=pl.Series(sizes, dtype=pl.Float64))


def _row(axis: Axis) -> tuple[object, ...]:
    """The axis as a row of a shock table, without scenario and size."""
    shock = axis.shock(axis.sizes[0])
    return shock.row(0)


def _slugs(axes: Iterable[Axis]) -> list[str]:
    """What each axis is called in an id; of several that would be called the same the later ones are numbered."""
    found: list[str] = []
    for axis in axes:
        slug = re.sub(r"[^a-z0-9-]+", "_", axis.factor.lower().replace("*", "all")).strip("_")
        same = sum(each == slug or each.startswith(f"{slug}#") for each in found)
        found.append(f"{slug}#{same + 1}" if same else slug)
    return [slug.replace("#", "-") for slug in found]


def _plain(size: float) -> str:
    """A size as an id may have it.

    >>> _plain(-0.05), _plain(2.0), _plain(1e20)
    ('-0.05', '2', '1e20')
    """
    return f"{size + 0.0:.12g}".replace("+", "")


def _words(axis: Axis, size: float) -> str:
    if axis.shift == "relative":
        return f"{size * 100:+.6g} %"
    if axis.shift == "absolute":
        return f"{size:+.6g}"
    return f"{'x' if axis.shift == 'scale' else 'to '}{size:.6g}"


# ---------------------------------------------------------------- multiples


def _multiples(generator: Multiple, stated: ScenarioSet) -> tuple[Family, list[Problem]]:
    """Every scenario of `of`, `by` by `by`."""
    known = {each.id: each for each in stated.scenarios[1:]}
    scenarios: list[Scenario] = []
    frames, problems, rows = [pl.DataFrame(schema=SHOCKS)], [], 0
    for name in generator.of:
        scenario = known.get(name)
        if scenario is None:
            problems.append(Problem(("of",), f"no scenario `{name}` is stated", suggest(name, list(known), "Scenarios")))
            continue
        shocks = stated.shocks.slice(scenario.first, scenario.last - scenario.first)
        for times in generator.by:
            moved = multiple(shocks, times)
            impossible = moved.filter(~pl.col("value").is_finite())
            if impossible.height:
                factor = impossible["factor"].cast(pl.String)[0]
                hint = "Give the shock `mode: linear`, or leave this multiple out."
                problems.append(Problem(("by",), f"{_plain(times)} times the shock of `{name}` on {factor} is no number", hint))
                continue
            frames.append(moved.with_columns(scenario=pl.lit(len(scenarios), dtype=pl.Int32)))
            scenarios.append(
                dataclasses.replace(
                    scenario,
                    id=f"{name}.x{_plain(times)}",
                    name=f"{generator.name or scenario.name}, {_plain(times)} times",
                    family=generator.family,
                    headline=generator.headline,
                    source=generator.source or scenario.source,
                    weight=generator.weight,
                    number=None,
                    first=rows,
                    last=rows + moved.height,
                )
            )
            rows += moved.height
    return (scenarios, pl.concat(frames)), problems
