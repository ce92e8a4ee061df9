"""Scenarios as values: what they are called, and their shocks as one table."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

import polars as pl

from stresstest.documents import listed, resembling
from stresstest.errors import Fault, Reason, StressTestError
from stresstest.scenarios.factors import SHIFTS
from stresstest.scenarios.generators.of_history import Complete, FromHistory, Historical, MonteCarlo
from stresstest.scenarios.model import BASE_ID, Shock

SHOCKS: dict[str, pl.DataType] = {
    "scenario": pl.Int32(),
    "factor": pl.Categorical(),
    "where": pl.String(),
    "shift": pl.Enum(SHIFTS),
    "value": pl.Float64(),
    "share": pl.Float64(),
    "annualised": pl.Boolean(),
    "term": pl.String(),
    "mode": pl.Enum(["compound", "linear"]),
    "source": pl.String(),
    "grade": pl.String(),
}
"""Columns of a shock table: number of the scenario in the set, then its shock. Rows stand in the order of scenarios and of shocks in
them. `where` and `term` are canonical JSON, null = none.
`share` of a `replace`: x + share*(v - x) of the base value x; null = 1. `source` and `grade` say where the figure is from, null = as the scenario."""

PROVENANCE = ("source", "grade")
"""Columns of a shock table that no result depends on."""


@dataclass(frozen=True)
class Scenario:
    """A scenario without its shocks' details; `first` to `last` are its rows of the set's shock table.

    `file` and `number`: the file it is from, and its place in the list there (None in a Parquet set); of one that was made by a generator
    `generator` is the generator's place instead.
    `headline`: counts for worst, Cover-N and limits. `horizon_days` shortens times to expiry where `decay` is true.
    `grade`: how sure its figures are (`model.Grade`). `any_book`: written for books in general (`scenario_file.ScenarioFile`).
    """

    id: str
    name: str
    family: str
    headline: bool
    horizon_days: float = 1.0
    decay: bool = False
    source: str | None = None
    weight: float | None = None
    file: str | None = None
    number: int | None = None
    first: int = 0
    last: int = 0
    grade: str | None = None
    any_book: bool = False
    generator: int | None = None

    @property
    def elapsed_years(self) -> float:
        """Time that passes in it, in years."""
        return self.horizon_days / 365.0 if self.decay else 0.0


BASE = Scenario(BASE_ID, "Base", BASE_ID, headline=False, horizon_days=0.0)
"""The snapshot as it is. It does not compete for the worst scenario, so it is no headline scenario."""


@dataclass(frozen=True)
class Pending:
    """A generator that needs a book's history: its file, its place and line there."""

    generator: FromHistory
    file: str
    number: int
    line: int | None


@dataclass(frozen=True)
class ScenarioSet:
    """Scenarios in file order, base first, with one table of all their shocks (columns `SHOCKS`).

    `pending`: generators that make more of them on a book (`generators.with_history`); `stated`: of a set that was made so, the set before.
    """

    scenarios: tuple[Scenario, ...]
    shocks: pl.DataFrame = field(compare=False, repr=False)
    name: str = ""
    pending: tuple[Pending, ...] = ()
    stated: ScenarioSet | None = None

    def __len__(self) -> int:
        return len(self.scenarios)

    def __iter__(self) -> Iterator[Scenario]:
        return iter(self.scenarios)

    @property
    def ids(self) -> tuple[str, ...]:
        """The scenario ids in order."""
        return tuple(each.id for each in self.scenarios)

    def scenario(self, scenario_id: str) -> Scenario:
        """The scenario of that id.

        Raises:
            StressTestError: there is none; the hint names the nearest.
        """
        for each in self.scenarios:
            if each.id == scenario_id:
                return each
        hint = self.suggestion(scenario_id)
        raise StressTestError(Reason.USAGE, f"no scenario `{scenario_id}`", hint=" ".join((hint, self.still_to_be_made())).strip())

    def suggestion(self, word: str, *, base: bool = True) -> str:
        """The hint for a word that is no scenario's id: the id that it resembles; else those stated, and then how those begin that generators made.

        Args:
            word: what was given.
            base: whether `base` is one of those that may be meant.
        """
        choices = self.scenarios if base else self.scenarios[1:]
        made: dict[str, list[str]] = {}
        for each in choices:
            if each.generator is not None:
                made.setdefault(each.id.partition(".")[0], []).append(each.id)
        families = [ids[0] if len(ids) == 1 else f"{name}.*" for name, ids in made.items()]
        stated = [each.id for each in choices if each.generator is None]
        return resembling(word, [each.id for each in choices]) or listed([*stated, *families], "Scenarios")

    def still_to_be_made(self) -> str:
        """In words, what `pending` generators will make on a book, and how to see it; empty where there are none."""
        if not self.pending:
            return ""
        names: list[str] = []
        for made in (each.generator for each in self.pending):
            if isinstance(made, Complete):
                names += [f"{name}.complete" for name in made.of]
            elif isinstance(made, (Historical, MonteCarlo)):
                names.append(f"{made.id}.*")
        how = "`stresstest scenarios expand RUN.yaml --as scenarios --out FILE` writes them out."
        return f"More are made of a snapshot's history ({', '.join(names)}): {how}"

    def shocks_of(self, scenario_id: str) -> tuple[Shock, ...]:
        """The shocks of one scenario in order."""
        scenario = self.scenario(scenario_id)
        rows = self.shocks.slice(scenario.first, scenario.last - scenario.first)
        return tuple(
            Shock.model_validate(
                {
                    "factor": row["factor"],
                    row["shift"]: row["value"],
                    "share": row["share"],
                    "where": None if row["where"] is None else json.loads(row["where"]),
                    "term": None if row["term"] is None else json.loads(row["term"]),
                    "annualised": row["annualised"],
                    "mode": row["mode"],
                    "source": row["source"],
                    "grade": row["grade"],
                }
            )
            for row in rows.iter_rows(named=True)
        )

    def frame(self) -> pl.DataFrame:
        """All shocks in the columns of a Parquet set, which `load_scenarios` reads back to the same scenarios."""
        about = pl.DataFrame(
            {
                "scenario": range(len(self.scenarios)),
                "scenario_id": self.ids,
                "name": [each.name for each in self.scenarios],
                "family": [each.family for each in self.scenarios],
                "headline": [each.headline for each in self.scenarios],
                "horizon_days": [each.horizon_days for each in self.scenarios],
                "decay": [each.decay for each in self.scenarios],
                "source": [each.source for each in self.scenarios],
                "weight": [each.weight for each in self.scenarios],
                "grade": [each.grade for each in self.scenarios],
                "any_book": [each.any_book for each in self.scenarios],
            },
            schema_overrides={"scenario": pl.Int32, "source": pl.String, "weight": pl.Float64, "grade": pl.String},
        )
        first = pl.Series([each.first for each in self.scenarios], dtype=pl.Int32)
        place = pl.int_range(pl.len(), dtype=pl.Int32) - first.gather(self.shocks["scenario"])
        return (
            self.shocks.rename({name: f"shock_{name}" for name in PROVENANCE})
            .with_columns(ord=place, factor=pl.col("factor").cast(pl.String), shift=pl.col("shift").cast(pl.String))
            .join(about, on="scenario", how="left", maintain_order="left")
            .select(
                "scenario_id",
                "ord",
                "factor",
                "where",
                "shift",
                "value",
                "share",
                "annualised",
                "term",
                pl.col("mode").cast(pl.String),
                *(f"shock_{name}" for name in PROVENANCE),
                *about.columns[2:],
            )
        )


def refuse_unknown(ids: Iterable[str], scenarios: ScenarioSet, key: str, *, base: bool = True) -> None:
    """Refuse ids under a key of the run file that are no scenarios; without `base`, that is none there.

    Raises:
        StressTestError: configuration, with all of them and the nearest to each.
    """
    known = frozenset(scenarios.ids if base else scenarios.ids[1:])
    faults = [Fault(f"no scenario `{each}`", scenarios.suggestion(each, base=base), path=key) for each in ids if each not in known]
    if faults:
        raise StressTestError(Reason.CONFIGURATION, f"{key} names scenarios that are not there", faults)


def with_headlines(scenarios: ScenarioSet, ids: Iterable[str]) -> ScenarioSet:
    """The same set in which the scenarios of these ids, and no others, are headline scenarios.

    Raises:
        StressTestError: ids that are no scenarios, all of them, with the nearest.
    """
    wanted = tuple(ids)
    refuse_unknown(wanted, scenarios, "headline", base=False)
    chosen = frozenset(wanted)
    return dataclasses.replace(scenarios, scenarios=tuple(dataclasses.replace(each, headline=each.id in chosen) for each in scenarios.scenarios))


def only(scenarios: ScenarioSet, ids: Collection[str]) -> ScenarioSet:
    """Base and the scenarios of these ids, in file order.

    Raises:
        StressTestError: usage, with every id that is no scenario and the nearest to it.
    """
    known = frozenset(scenarios.ids)
    faults = [Fault(f"no scenario `{each}`", scenarios.suggestion(each)) for each in ids if each not in known]
    if len(faults) == 1:
        raise StressTestError(Reason.USAGE, faults[0].what, hint=faults[0].hint)
    if faults:
        raise StressTestError(Reason.USAGE, f"{len(faults)} scenarios are not there", faults)
    numbers = [number for number, each in enumerate(scenarios) if each.id in ids or each.id == BASE.id]
    kept, rows = [], 0
    for number in numbers:
        each = scenarios.scenarios[number]
        count = each.last - each.first
        kept.append(dataclasses.replace(each, first=rows, last=rows + count))
        rows += count
    renumbered = pl.col("scenario").replace_strict(numbers, range(len(numbers)), return_dtype=pl.Int32)
    return ScenarioSet(tuple(kept), scenarios.shocks.filter(pl.col("scenario").is_in(numbers)).with_columns(renumbered), scenarios.name)
