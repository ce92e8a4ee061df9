"""From settings and margin file to a staged snapshot, new or taken over from an interrupted run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from stresstest.config import RunFile
from stresstest.errors import Reason, StressTestError
from stresstest.margin.rulebook import Rulebook
from stresstest.margin.scheduled import check_schedules
from stresstest.results.store import sha256_of
from stresstest.runs.console import Console
from stresstest.runs.planning import attempt, load_documents, merged
from stresstest.scenarios.scenario_set import ScenarioSet
from stresstest.snapshot.book import Book
from stresstest.snapshot.request import StageRequest
from stresstest.snapshot.sources import Source, locate, table_hash
from stresstest.snapshot.stage import open_book, stage_snapshot


def workers(settings: RunFile) -> int:
    """Threads or worker processes: as set, else one for every CPU this process may use."""
    return settings.threads or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1))


def documents_and_book(
    settings: RunFile, console: Console, folder: Path, *, look: Callable[[ScenarioSet], object] | None = None, ours: bool = False
) -> tuple[ScenarioSet, Rulebook, Book]:
    """Scenarios as their files say (see `planning.scenarios_on`), margin file, and the snapshot staged into `folder`: whatever is wrong, at once.

    Args:
        settings: the run file.
        console: told of stages.
        folder: where the book goes.
        look: what else may refuse the scenarios.
        ours: see `stage`.

    Raises:
        StressTestError: every fault of all of them. A snapshot is only looked at under a margin file that can be read,
            because its schedules and models are checked against it.
    """
    refusals: list[StressTestError] = []
    with console.stage("documents"):
        scenarios, rulebook = load_documents(settings, refusals)
        if scenarios is not None and look is not None:
            attempt(lambda: look(scenarios), refusals)
    book = None
    if rulebook is not None:
        with console.stage("snapshot"):
            book = attempt(lambda: stage(settings, rulebook, folder, ours=ours), refusals)
    if book is None or scenarios is None or rulebook is None or refusals:
        raise merged(refusals)
    return scenarios, rulebook, book


def stage(settings: RunFile, rulebook: Rulebook, work: Path, *, ours: bool = False) -> Book:
    """The checked and staged snapshot, in `work`: the one an interrupted run left there, if its files are still the same.

    Args:
        settings: the run file.
        rulebook: its margin file.
        work: where the book goes.
        ours: this process has just written the files itself, so that no reader can die of them: they are read here, without
            the start of another process, which takes longer than a small book.

    Raises:
        StressTestError: input data, with every fault of the snapshot.
    """
    staged = work / "book"
    book = None
    if staged.is_dir():
        book = _finished(staged)
        if book is None or inputs_now(settings.snapshot, work) != {file.table: file.sha256 for file in book.inputs}:
            book = None
            shutil.rmtree(staged)
    if book is None:
        book = _staged(_request(settings, rulebook, work), ours=ours)
    check_schedules(book, rulebook, settings.compare.models)
    return book


def _staged(request: StageRequest, *, ours: bool) -> Book:
    if ours:
        from stresstest.snapshot.staging import stage as stage_here

        return open_book(stage_here(request, lambda _stage, _detail: None))
    return stage_snapshot(request)


def _finished(staged: Path) -> Book | None:
    try:
        return open_book(staged)
    except FileNotFoundError:
        return None


def inputs_now(snapshot: str, work: Path) -> dict[str, str] | None:
    """SHA-256 of every table as its files are now; None for a URL, and where a file is missing (which staging then says)."""
    if "://" in snapshot:
        return None
    sources, _, faults = locate(snapshot, work / "fetched")
    return None if faults else _hashes(sources)


def hashes_of(snapshot: str, work: Path) -> tuple[str, dict[str, str]]:
    """Where the tables of a snapshot can be read now (of a URL: fetched, once, into `work`), and the SHA-256 of each that is there.

    Raises:
        StressTestError: input data, where the folder is not there or the address cannot be read.
    """
    fetched = work / "fetched"
    sources, _, faults = locate(snapshot, fetched)
    if not sources:
        hint = "Where it is now is said with --snapshot (in a program: snapshot=)."
        raise StressTestError(Reason.INPUT_DATA, "the snapshot cannot be read", faults, hint)
    return str(fetched) if "://" in snapshot else snapshot, _hashes(sources)


def _hashes(sources: Mapping[str, Source]) -> dict[str, str]:
    return {name: table_hash(source, [sha256_of(file) for file in source.files]) for name, source in sources.items()}


def _request(settings: RunFile, rulebook: Rulebook, work: Path) -> StageRequest:
    return StageRequest(
        snapshot=settings.snapshot,
        work=work,
        as_of=settings.as_of,
        reporting_currency=settings.reporting_currency,
        on_missing=settings.on_missing,
        max_excluded_accounts=settings.max_excluded.accounts,
        max_excluded_notional=settings.max_excluded.gross_notional,
        max_price_age_seconds=settings.max_price_age,
        collateral_schedules=frozenset(rulebook.collateral_schedules),
        margin_schedules=frozenset(rulebook.margin_schedules),
        margin_schedules_for_options=frozenset(
            name for name, schedule in rulebook.margin_schedules.items() if not schedule.tiers and schedule.amount_per_contract is None
        ),
        models=frozenset(rulebook.models),
        models_net_by_underlying=frozenset(name for name, model in rulebook.models.items() if model.nets_by_underlying),
        models_of_strategies=frozenset(name for name, model in rulebook.models.items() if model.kind == "strategy"),
        models_pnl_into_value=frozenset(name for name, model in rulebook.models.items() if model.pnl_into == "value"),
        models_free_of_margin_schedules=frozenset(name for name, model in rulebook.models.items() if model.assign or not model.scheduled_kinds),
        models_free_of_collateral_schedules=frozenset(
            name for name, model in rulebook.models.items() if model.assign_collateral or model.without_haircut
        ),
        margin_model=settings.margin_model,
        models_of_orders=frozenset(name for name, model in rulebook.models.items() if model.per_order is not None),
        models_compared=frozenset(settings.compare.models),
        max_memory=settings.max_memory,
        threads=workers(settings),
    )
