"""Scenario files: YAML (or JSON) and Parquet sets, read into one set with every fault at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import polars as pl

from stresstest.documents import Document, Problem, examine, expect, read_document
from stresstest.errors import Fault, Reason, StressTestError, counted
from stresstest.scenarios.generators.expansion import generated
from stresstest.scenarios.generators.model import Generator
from stresstest.scenarios.generators.of_history import FromHistory
from stresstest.scenarios.model import HEADLINE_FAMILIES
from stresstest.scenarios.parquet_set import read_parquet_set
from stresstest.scenarios.scenario_file import ScenarioFile
from stresstest.scenarios.scenario_set import BASE, SHOCKS, Pending, Scenario, ScenarioSet
from stresstest.scenarios.shipped import file_of


@dataclass(frozen=True)
class _Part:
    """What one file gave; `document` is there where it has generators."""

    name: str
    scenarios: tuple[Scenario, ...]
    shocks: pl.DataFrame
    generators: tuple[Generator, ...] = ()
    document: Document | None = None


def load_scenarios(paths: Iterable[Path | str]) -> ScenarioSet:
    """All scenarios of the files, in order, behind the base; those that a file's generators make after those that it states.

    Args:
        paths: YAML or JSON files, Parquet sets (`.parquet`; columns in `parquet_set`), and shipped libraries (`library:NAME`).

    Raises:
        StressTestError: reason SCENARIO with every fault of every file, each with file, line and scenario, and libraries that there are not;
            NOT_IN_THIS_VERSION where features to come are all that is wrong.
    """
    parts: list[_Part] = []
    faults: list[Fault] = []
    reasons: set[Reason] = set()
    seen: dict[str, str] = {}
    for given in paths:
        try:
            path = file_of(given)
            part = _read_parquet(path) if path.suffix == ".parquet" else _read_yaml(path, seen)
        except StressTestError as error:
            faults += error.faults
            reasons.add(error.reason)
            continue
        again = _repeats(part, seen) if path.suffix == ".parquet" else []
        if again:
            faults += again
            reasons.add(Reason.SCENARIO)
        parts.append(part)
    if not faults and any(part.generators for part in parts):
        parts, faults = _with_generated(parts, seen)
    if faults:
        reason = reasons.pop() if len(reasons) == 1 else Reason.SCENARIO
        raise StressTestError(reason, f"the scenarios have {counted(len(faults), 'fault')}", faults)
    return _joined(parts)


def _with_generated(parts: list[_Part], seen: dict[str, str]) -> tuple[list[_Part], list[Fault]]:
    """The parts with what their generators make, and what is wrong with it; adds the ids to `seen`."""
    stated, whole = _joined(parts), []
    faults: list[Fault] = []
    for part in parts:
        if part.document is None:
            whole.append(part)
            continue
        (scenarios, shocks), problems = generated(part.generators, stated, part.document.file)
        for each in scenarios:
            if each.id in seen:
                what, hint = f"scenario `{each.id}` is already in {seen[each.id]}", "Ids are unique over all files: give the generator another id."
                problems.append(Problem(("generators", each.generator or 0), what, hint))
            seen.setdefault(each.id, part.document.file)
        faults += [part.document.fault(each) for each in problems]
        whole.append(_appended(part, scenarios, shocks))
    return whole, faults


def _appended(part: _Part, scenarios: list[Scenario], shocks: pl.DataFrame) -> _Part:
    rows = part.shocks.height
    more = tuple(dataclasses.replace(each, first=each.first + rows, last=each.last + rows) for each in scenarios)
    after = pl.concat([part.shocks, shocks.with_columns(pl.col("scenario") + len(part.scenarios))])
    return dataclasses.replace(part, scenarios=(*part.scenarios, *more), shocks=after)


def lines_of(scenarios: Iterable[Scenario], shocks: Iterable[int | None] = ()) -> list[int | None]:
    """Lines of scenarios in their files, or of one shock of each; None where they have none or the file is no longer there.

    Of a scenario that a generator made it is the line of the generator.

    Looked up when something is reported: keeping the lines of all would make reading JSON many times slower.

    Args:
        scenarios: the scenarios.
        shocks: for each the place of a shock in it, from 0; None, or left out: the line of its id.
    """
    documents: dict[str, Document | None] = {}
    lines: list[int | None] = []
    for each, shock in zip_longest(scenarios, shocks):
        if each.file is None or (each.number is None and each.generator is None):
            lines.append(None)
            continue
        if each.file not in documents:
            try:
                documents[each.file] = read_document(each.file, Reason.SCENARIO)
            except StressTestError:
                documents[each.file] = None
        document = documents[each.file]
        below = ("id",) if shock is None else ("shocks", shock)
        place = ("generators", each.generator or 0) if each.number is None else ("scenarios", each.number, *below)
        lines.append(None if document is None else document.line(place))
    return lines


def _joined(parts: list[_Part]) -> ScenarioSet:
    scenarios, frames, rows = [BASE], [pl.DataFrame(schema=SHOCKS)], 0
    for part in parts:
        frames.append(part.shocks.with_columns(pl.col("scenario") + len(scenarios)))
        scenarios += [dataclasses.replace(each, first=each.first + rows, last=each.last + rows) for each in part.scenarios]
        rows += part.shocks.height
    pending = [
        Pending(generator, part.document.file, number, part.document.line(("generators", number)))
        for part in parts
        if part.document is not None
        for number, generator in enumerate(part.generators)
        if isinstance(generator, FromHistory)
    ]
    return ScenarioSet(tuple(scenarios), pl.concat(frames), ", ".join(part.name for part in parts), tuple(pending))


def _read_parquet(path: Path) -> _Part:
    scenarios, shocks = read_parquet_set(path)
    return _Part(path.stem, scenarios, shocks)


def _repeats(part: _Part, seen: dict[str, str]) -> list[Fault]:
    faults = []
    for each in part.scenarios:
        if each.id in seen:
            faults.append(Fault(f"scenario `{each.id}` is already in {seen[each.id]}", "Ids are unique over all files.", file=each.file))
        seen.setdefault(each.id, each.file or "")
    return faults


def _read_yaml(path: Path, seen: dict[str, str]) -> _Part:
    document = expect(read_document(path, Reason.SCENARIO), "scenario file", Reason.SCENARIO)
    parsed, problems = examine(ScenarioFile, document.data)
    faults = [_with_scenario(document, each) for each in problems]
    repeats = _repeated_ids(document, seen)
    if parsed is None or repeats:
        to_come = bool(problems) and not repeats and all(each.to_come for each in problems)
        raise StressTestError(Reason.NOT_IN_THIS_VERSION if to_come else Reason.SCENARIO, f"{path} has faults", faults + repeats)
    return _Part(parsed.name or path.stem, *_tabular(document, parsed), parsed.generators, document if parsed.generators else None)


def _raw_scenarios(document: Document) -> list[object]:
    raw = document.data.get("scenarios") if isinstance(document.data, dict) else None
    return raw if isinstance(raw, list) else []


def _with_scenario(document: Document, problem: Problem) -> Fault:
    fault = document.fault(problem)
    match problem.place:
        case ("scenarios", int(number), *_):
            raw = _raw_scenarios(document)[number]
            if isinstance(raw, dict) and isinstance(raw.get("id"), str):
                return dataclasses.replace(fault, what=f"scenario `{raw['id']}`: {fault.what}")
    return fault


def _repeated_ids(document: Document, seen: dict[str, str]) -> list[Fault]:
    """On the raw ids, so that they are found beside all other faults; adds the file's ids to `seen`."""
    faults = []
    for number, raw in enumerate(_raw_scenarios(document)):
        scenario_id = raw.get("id") if isinstance(raw, dict) else None
        if not isinstance(scenario_id, str):
            continue
        place = ("scenarios", number, "id")
        if scenario_id in seen:
            problem = Problem(place, f"scenario `{scenario_id}` is already in {seen[scenario_id]}", "Ids are unique over all files.")
            faults.append(document.fault(problem))
        else:
            seen[scenario_id] = document.file
    return faults


def _tabular(document: Document, parsed: ScenarioFile) -> tuple[tuple[Scenario, ...], pl.DataFrame]:
    scenarios: list[Scenario] = []
    rows: list[tuple[object, ...]] = []
    for number, entry in enumerate(parsed.scenarios):
        first = len(rows)
        rows += [shock.row(number) for shock in entry.shocks]
        headline = entry.family in HEADLINE_FAMILIES if entry.headline is None else entry.headline
        scenarios.append(
            Scenario(
                entry.id,
                entry.name or entry.id,
                entry.family,
                headline,
                entry.horizon_days,
                entry.decay,
                entry.source,
                entry.weight,
                document.file,
                number,
                first,
                len(rows),
                entry.grade,
                parsed.any_book,
            )
        )
    return tuple(scenarios), pl.DataFrame(rows, schema=SHOCKS, orient="row")
