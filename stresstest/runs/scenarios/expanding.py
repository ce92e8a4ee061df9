"""`scenarios expand`: what every factor of a book is worth in every scenario, or the scenarios themselves, as one file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stresstest.config import RunFile
from stresstest.errors import Fault, Reason, StressTestError
from stresstest.margin.rulebook import Rulebook
from stresstest.margin.views import views_of
from stresstest.results.exports import FORMATS, export
from stresstest.results.whole import whole
from stresstest.runs.console import Console, Silent
from stresstest.runs.folders import cannot_write
from stresstest.runs.scenarios.on_a_book import OnABook, on_a_book
from stresstest.scenarios.expansion import Factors, Haircut, Vols, Which, expanded, factors
from stresstest.scenarios.files import load_scenarios
from stresstest.scenarios.notices import Notice
from stresstest.scenarios.scenario_set import ScenarioSet, only
from stresstest.scenarios.text import scenario_file
from stresstest.snapshot.book import Book, Dimensions
from stresstest.snapshot.stage import load_block
from stresstest.tables import SCENARIO_FACTORS
from stresstest.valuation.marks import MAX_VOL
from stresstest.valuation.terms import instrument_terms


@dataclass(frozen=True)
class Expanded:
    """A file of factor values: its rows, and the scenarios in it (with the base)."""

    file: Path
    rows: int
    scenarios: int


def expand(
    settings: RunFile, out: Path, *, ids: Collection[str] = (), which: Which = "shocked", force: bool = False, console: Console | None = None
) -> Expanded:
    """Write the resolved factor values of a run's scenarios on its book (columns `SCENARIO_FACTORS`).

    Args:
        settings: the run file.
        out: the file, `.parquet` or `.csv`.
        ids: scenarios wanted besides the base; none: all.
        which: the rows wanted, see `scenarios.expansion.Which`.
        force: replace a file that is there.
        console: told of the stages.

    Raises:
        StressTestError: usage, when the file has another suffix or is there already; environment, when it cannot be written; every fault
            of scenarios, margin file and snapshot; scenarios that cannot be on this book.
    """
    check_file(out, force)
    console = console or Silent()
    with on_a_book(settings, console, ids) as given, console.stage("factor values"):
        _warn(console, given.notices)
        every = _factors(given)
        names = given.resolved.ids
        try:
            rows = export(expanded(every, names, which), SCENARIO_FACTORS, out, names)
        except OSError as error:
            raise cannot_write(out, error) from error
    return Expanded(out, rows, len(names))


SCENARIO_FORMATS = (".yaml", ".parquet")


def write_scenarios(
    given: RunFile | Sequence[str], out: Path, *, ids: Collection[str] = (), force: bool = False, console: Console | None = None
) -> Expanded:
    """Write scenarios, with those that generators make, as an ordinary scenario file or Parquet set: to be signed off, and run again as they are.

    Args:
        given: a run file, whose book has the history that generators may need; or scenario files alone.
        out: the file, `.yaml` or `.parquet`.
        ids: scenarios wanted besides the base; none: all.
        force: replace a file that is there.
        console: told of the stages.

    Raises:
        StressTestError: as `expand`; configuration, when generators need a history and files alone are given.
    """
    check_file(out, force, SCENARIO_FORMATS)
    console = console or Silent()
    if isinstance(given, RunFile):
        with on_a_book(given, console, ids) as found:
            _warn(console, found.notices)
            return write_set(found.scenarios, out)
    scenarios = load_scenarios(given)
    if scenarios.pending:
        faults = [
            Fault("needs the history of a snapshot", "Name a run file, or give --snapshot and --margin.", file=each.file, line=each.line)
            for each in scenarios.pending
        ]
        raise StressTestError(Reason.USAGE, "generators from history make scenarios on a book only, and none was named", faults)
    return write_set(only(scenarios, ids) if ids else scenarios, out)


_WARNED = 5


def _warn(console: Console, notices: Sequence[Notice]) -> None:
    """Say which factors match nothing: most likely slips, that would be signed off as they are."""
    missing = [each for each in notices if each.kind in ("unknown factor", "no match")]
    for each in missing[:_WARNED]:
        console.warn(f"scenario `{each.scenario_id}`: {each.message}")
    if len(missing) > _WARNED:
        console.warn(f"{len(missing) - _WARNED:,} more factors match nothing: see `stresstest scenarios lint`")


def write_set(scenarios: ScenarioSet, out: Path) -> Expanded:
    """Write a scenario set as a file that `load_scenarios` reads back; it is there whole or not at all.

    Raises:
        StressTestError: environment, when it cannot be written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with whole(out) as partial:
            if out.suffix == ".parquet":
                scenarios.frame().write_parquet(partial)
            else:
                partial.write_text("".join(f"{line}\n" for line in scenario_file(scenarios)), encoding="utf-8")
    except OSError as error:
        raise cannot_write(out, error) from error
    return Expanded(out, scenarios.shocks.height, len(scenarios))


def check_file(out: Path, force: bool, formats: Sequence[str] = FORMATS) -> None:
    """Refuse a file that cannot be written, before anything is computed for it.

    Raises:
        StressTestError: usage, for another suffix than those, a folder, and a file that is there unless `force` replaces it.
    """
    if out.suffix not in formats:
        raise StressTestError(
            Reason.USAGE, f"the file cannot be written as `{out.suffix}`", hint=f"Give --out a name that ends in {' or '.join(formats)}."
        )
    if out.is_dir():
        raise StressTestError(Reason.USAGE, "the file cannot be written there", [Fault("is a folder", "Name a file.", file=str(out))])
    if out.exists() and not force:
        fault = Fault("is there already", "Give --force to replace it, or --out another name.", file=str(out))
        raise StressTestError(Reason.USAGE, "the file cannot be written there", [fault])


def _factors(given: OnABook) -> Factors:
    dimensions, resolved = given.book.dimensions, given.resolved
    options = instrument_terms(dimensions, resolved).filter("option")
    highest = np.where(options["normal"].fill_null(value=False).to_numpy(), np.inf, MAX_VOL)
    vols = Vols(options["base_vol"].fill_null(float("nan")).to_numpy(), highest)
    return factors(dimensions, resolved, vols, _haircuts(dimensions, given.rulebook), _held(given.book))


def _held(book: Book) -> set[tuple[int, int]]:
    """Assets (codes) and locations (codes, -1 = none) that somebody has collateral in."""
    width = book.dimensions.locations.height + 1
    places: set[int] = set()
    for number in range(book.blocks):
        block = load_block(book, number)
        places.update(np.unique(block.asset.astype(np.int64) * width + block.location + 1).tolist())
    return {(place // width, place % width - 1) for place in places}


def _haircuts(dimensions: Dimensions, rulebook: Rulebook) -> list[Haircut]:
    """Both haircuts of every band of every asset with a schedule; where models give an asset several, those of all, by the schedule's name."""
    return [
        Haircut(code, f"{calculation} from {band.from_:.15g}" + (f" of {name}" if len(names) > 1 else ""), haircut)
        for code, names in enumerate(views_of(dimensions, rulebook).haircuts(dimensions))
        for name in names
        for band in rulebook.collateral_schedules[name].bands
        for calculation, haircut in (("maintenance", band.haircut), ("initial", band.initial))
    ]
