"""The plan of a run: what to compute, from where, to where, as a value that can be printed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

import stresstest
from stresstest.config import PREVIOUS, RunFile
from stresstest.documents import resembling
from stresstest.errors import Fault, Reason, StressTestError, counted
from stresstest.margin.rulebook import Rulebook, load_rulebook, presets
from stresstest.results.documents import canonical
from stresstest.results.manifest import NAME as MANIFEST
from stresstest.results.manifest import without_secrets
from stresstest.runs.folders import work_path
from stresstest.runs.given import Given
from stresstest.runs.limit_checks import check_limits
from stresstest.runs.specification import plan_sha256, specification
from stresstest.scenarios.files import load_scenarios
from stresstest.scenarios.scenario_set import ScenarioSet, refuse_unknown, with_headlines
from stresstest.snapshot.book import BLOCK_POOLS, Book
from stresstest.snapshot.request import SnapshotDefaults, read_snapshot_defaults
from stresstest.tables import AS_BOOKED, INPUT_TABLES


@dataclass(frozen=True)
class PlannedTable:
    """An input table that is there: its files, bytes, and rows where its files can be read."""

    table: str
    files: int
    bytes: int
    rows: int | None


@dataclass(frozen=True)
class Plan:
    """A run that has not begun: `hash` names its work folder, so that an interrupted run is taken up again.

    `target` is the result folder; of a `temporary` run the one that it would have otherwise. `run_file` is the file that the settings
    come from, where there is one; `adds`: the run joins the history that the settings name; `given` keeps the files of what was given as values.
    """

    settings: RunFile
    target: Path
    scenarios: ScenarioSet
    rulebook: Rulebook
    hash: str
    run_file: Path | None = None
    temporary: bool = False
    adds: bool = True
    given: Given | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def into(self, target: str | Path) -> Plan:
        """The same plan with this result folder."""
        return replace(self, target=Path(target).absolute(), temporary=False)

    @property
    def book(self) -> str:
        """What the series of runs is about that this one belongs to."""
        return stated_book(self.settings) or self.scenarios.name

    @property
    def given_snapshot(self) -> Path | None:
        """The folder of the frames that are the snapshot; None where it was given as a folder or URL."""
        return None if self.given is None else self.given.snapshot

    def document(self) -> dict[str, Any]:
        """The plan as plain values."""
        tables = planned_tables(self.settings.snapshot)
        return {
            "snapshot": without_secrets(self.settings.snapshot) if self.given_snapshot is None else "frames given as values",
            "tables": [vars(each) for each in tables],
            "scenarios": len(self.scenarios),
            "generators_from_history": len(self.scenarios.pending),
            "headline_scenarios": sum(each.headline for each in self.scenarios),
            "models": list(self.rulebook.models),
            "margin_model": self.settings.margin_model,
            "compare": self.settings.compare.model_dump(mode="json"),
            "limits": [each.model_dump(mode="json", exclude_none=True) for each in self.settings.limits],
            "blocks": _blocks(tables),
            "keep": self.settings.keep,
            "formats": list(self.settings.output.formats),
            "book": self.book,
            "history": self.settings.history if self.adds and not self.temporary else None,
            "folder": None if self.temporary else str(self.target),
            "work_folder": None if self.temporary else str(work_path(self.target, self.hash)),
            "resumes": not self.temporary and work_path(self.target, self.hash).is_dir(),
        }

    def lines(self) -> list[str]:
        """The plan for a person."""
        content = self.document()
        lines = [f"snapshot    {content['snapshot']}"]
        for each in content["tables"]:
            rows = "rows unknown (its footer cannot be read)" if each["rows"] is None else counted(each["rows"], "row")
            lines.append(f"  {each['table']:12}{rows}, {counted(each['bytes'], 'byte')} in {counted(each['files'], 'file')}")
        number = content["blocks"]
        blocks = "as many blocks as reading the snapshot will show" if number is None else f"about {counted(number, 'block')}"
        compares = [*content["compare"]["models"], *(["every position on its own"] if content["compare"]["isolated"] else [])]
        lines += [
            f"scenarios   {content['scenarios'] - 1:,} and base, {content['headline_scenarios']:,} of them headline"
            + (f"; {counted(content['generators_from_history'], 'generator')} from history" if content["generators_from_history"] else ""),
            f"models      {', '.join(content['models'])}" + (f"; every account under {one}" if (one := content["margin_model"]) else ""),
            *([f"compares    {', '.join(compares)}"] if compares else []),
            *([f"limits      {_limits(self.settings)}"] if self.settings.limits else []),
            f"work        {blocks}, of {BLOCK_POOLS:,} margin pools each" + ("; takes up an interrupted run" if content["resumes"] else ""),
            f"keeps       {content['keep']} rows of account_scenario",
            "writes      a temporary folder" if self.temporary else f"writes      {self.target} ({', '.join(content['formats'])})",
            *([f"joins       the runs of {self.book} in {content['history']}"] if content["history"] else []),
        ]
        return lines


def _limits(settings: RunFile) -> str:
    own = sum(each.built_in is None for each in settings.limits)
    return f"{len(settings.limits):,}, {own:,} of them by SQL of the run file" if own else f"{len(settings.limits):,}, all built in"


Loaded = TypeVar("Loaded")


def attempt(load: Callable[[], Loaded], refusals: list[StressTestError]) -> Loaded | None:
    """What `load` gives, or None with its refusal noted, so that the next thing is looked at as well."""
    try:
        return load()
    except StressTestError as error:
        refusals.append(error)
        return None


def merged(refusals: list[StressTestError]) -> StressTestError:
    """Several refusals as one: faults of configuration come first and decide the exit code."""
    if len(refusals) == 1:
        return refusals[0]
    ordered = sorted(refusals, key=lambda error: error.exit_code)
    faults = [fault for error in ordered for fault in error.faults or (Fault(error.summary, error.hint),)]
    return StressTestError(ordered[0].reason, "; ".join(error.summary for error in ordered), faults)


def load_documents(settings: RunFile, refusals: list[StressTestError]) -> tuple[ScenarioSet | None, Rulebook | None]:
    """Scenarios and margin file of a run; what is refused is noted and None. The SQL of its limits is looked at as well."""
    scenarios = attempt(lambda: load_scenarios_of(settings), refusals)
    rulebook = attempt(lambda: load_rulebook_of(settings), refusals)
    if rulebook is not None:
        attempt(lambda: _known_models(settings, rulebook), refusals)
    attempt(lambda: check_limits(settings), refusals)
    attempt(lambda: _depth_tables(settings), refusals)
    attempt(lambda: _waterfall_of_a_cascade(settings), refusals)
    return scenarios, rulebook


def _depth_tables(settings: RunFile) -> None:
    if settings.cascade is not None:
        from stresstest.stress.cascade.market.depth_table import read_depth_tables

        read_depth_tables(settings.cascade.impact)


def _waterfall_of_a_cascade(settings: RunFile) -> None:
    if settings.waterfall is not None and settings.cascade is None:
        file = str(settings.file) if settings.file else None
        fault = Fault(
            "`waterfall` says who pays what a cascade leaves, and there is none",
            "State `cascade: {}`, or remove the key.",
            file=file,
            path="waterfall",
        )
        raise StressTestError(Reason.CONFIGURATION, "a waterfall without a cascade", [fault])


def _known_models(settings: RunFile, rulebook: Rulebook) -> None:
    named = [("margin_model", settings.margin_model), *(("compare.models", name) for name in settings.compare.models)]
    file = str(settings.file) if settings.file else None
    own = list(rulebook.models)
    faults = [
        Fault(
            f"the margin file has no model `{name}`, and no preset is called so",
            resembling(name, [*own, *presets()]) or f"Its models: {', '.join(own)}. `stresstest margins list` has the presets.",
            file=file,
            path=key,
        )
        for key, name in named
        if name is not None and name not in own
    ]
    if faults:
        raise StressTestError(Reason.CONFIGURATION, "models that the margin file does not have", faults)
    if AS_BOOKED in settings.compare.models:
        fault = Fault(
            f"`{AS_BOOKED}` is what the book's own rules are called beside it", "Give the model another name.", file=file, path="compare.models"
        )
        raise StressTestError(Reason.CONFIGURATION, "a model that cannot be told from the book's own rules", [fault])


def stated_book(settings: RunFile) -> str | None:
    """What the run file calls the book; None where it leaves that to the name of the scenario set."""
    return settings.book or settings.name


def book_of(settings: RunFile) -> str:
    """What the series of runs is about that a run of these settings belongs to."""
    return stated_book(settings) or load_scenarios_of(settings).name


def check_against(settings: RunFile) -> None:
    """Refuse a run that is to be set against a folder that holds none, before anything is computed.

    Raises:
        StressTestError: configuration, when the folder is no finished run.
    """
    against = settings.against
    if against is None or against == PREVIOUS or Path(against, MANIFEST).is_file():
        return
    hint = "Give the result folder of a finished run (the one with manifest.json in it), or `previous`."
    fault = Fault(f"is no finished run: {against}", hint, file=str(settings.file) if settings.file else None, path="against")
    raise StressTestError(Reason.CONFIGURATION, "there is no run to set this one against", [fault])


def load_scenarios_of(settings: RunFile) -> ScenarioSet:
    """The scenarios of a run, with the headline that the run file chooses. Where generators wait for the history of a book, so does that choice."""
    loaded = load_scenarios(settings.scenarios)
    return loaded if loaded.pending else _chosen(settings, loaded)


def scenarios_on(book: Book, settings: RunFile, scenarios: ScenarioSet) -> ScenarioSet:
    """The scenarios of a run on its book, with those that generators make of its history.

    Raises:
        StressTestError: input data, when the history cannot be used; configuration, with every fault of the generators and of the headline.
    """
    if not scenarios.pending:
        return scenarios
    from stresstest.scenarios.generators.with_history import on_the_history

    whole = on_the_history(scenarios, book)
    return _chosen(settings, whole)


def _chosen(settings: RunFile, scenarios: ScenarioSet) -> ScenarioSet:
    """The scenarios with the headline of the run file; ids that it names and nobody has are refused, all of them."""
    refusals: list[StressTestError] = []
    found = scenarios
    if settings.headline is not None:
        found = attempt(lambda: with_headlines(scenarios, settings.headline or ()), refusals) or scenarios
    detail = () if settings.cascade is None else settings.cascade.detail
    if not isinstance(detail, (int, str)):
        attempt(lambda: refuse_unknown(detail, scenarios, "cascade.detail"), refusals)
    if refusals:
        raise merged(refusals)
    return found


def load_rulebook_of(settings: RunFile) -> Rulebook:
    """The margin file of a run, and the presets that the run names without the file having models of these names."""
    return load_rulebook(settings.margin, (*filter(None, [settings.margin_model]), *settings.compare.models))


def plan(settings: RunFile, out: Path | None = None, run_file: Path | None = None) -> Plan:
    """The plan of a run.

    Args:
        settings: the run file with everything applied.
        out: the result folder itself; without it, a folder in `output.folder` named after the snapshot's moment and the question asked.
        run_file: the file that the settings come from, to be copied as it is.

    Raises:
        StressTestError: every fault of scenario and margin files.
    """
    refusals: list[StressTestError] = []
    scenarios, rulebook = load_documents(settings, refusals)
    attempt(lambda: check_against(settings), refusals)
    if scenarios is None or rulebook is None or refusals:
        raise merged(refusals)
    question = _question(settings, scenarios, rulebook)
    digest = plan_sha256(question, settings.snapshot, stresstest.__version__)
    return Plan(settings, (out or _default_target(settings, question)).absolute(), scenarios, rulebook, digest, run_file)


def asked(plan: Plan) -> dict[str, Any]:
    """The specification of a plan, as the result of its run will state it."""
    return _question(plan.settings, plan.scenarios, plan.rulebook)


def _question(settings: RunFile, scenarios: ScenarioSet, rulebook: Rulebook) -> dict[str, Any]:
    defaults = _defaults(settings)
    as_of, currency = settings.as_of or defaults.as_of, settings.reporting_currency or defaults.reporting_currency
    return specification(settings, scenarios, rulebook, as_of, currency)


def _defaults(settings: RunFile) -> SnapshotDefaults:
    try:
        return read_snapshot_defaults(settings.snapshot)
    except StressTestError:
        return SnapshotDefaults()  # staging reports it, with everything else that is wrong with the snapshot


def _default_target(settings: RunFile, question: dict[str, Any]) -> Path:
    as_of = question["as_of"]
    moment = "stress" if as_of is None else f"{datetime.fromisoformat(as_of):%Y-%m-%dT%H%MZ}"
    return Path(settings.output.folder) / f"{moment}_{sha256(canonical(question)).hexdigest()[:8]}"


def planned_tables(snapshot: str) -> tuple[PlannedTable, ...]:
    """The tables of a local snapshot, from the footers of their files; none for a URL, which only the run fetches."""
    if "://" in snapshot:
        return ()
    if not Path(snapshot).is_dir():
        fault = Fault("no such folder", "Check the path: `snapshot` names a folder of Parquet tables.", file=snapshot)
        raise StressTestError(Reason.INPUT_DATA, "there is no snapshot", [fault])
    found = []
    for table in INPUT_TABLES:
        single, folder = Path(snapshot, f"{table.name}.parquet"), Path(snapshot, table.name)
        files = [single] if single.is_file() else sorted(folder.rglob("*.parquet")) if folder.is_dir() else []
        if files:
            found.append(PlannedTable(table.name, len(files), sum(file.stat().st_size for file in files), _rows(files)))
    return tuple(found)


def _rows(files: list[Path]) -> int | None:
    try:
        return sum(int(pq.read_metadata(file).num_rows) for file in files)
    except (OSError, pa.ArrowException):
        return None  # the run says precisely what is wrong with the file


def _blocks(tables: tuple[PlannedTable, ...]) -> int | None:
    accounts = next((each.rows for each in tables if each.table == "accounts"), None)
    return None if accounts is None else max(1, math.ceil(accounts / BLOCK_POOLS))
