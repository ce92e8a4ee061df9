"""The way from one run to another: inputs exchanged one after the other, figures computed after each."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from stresstest.config import RunFile
from stresstest.errors import Fault, Reason, StressTestError, counted
from stresstest.executors import make_executor
from stresstest.margin.rulebook import Rulebook
from stresstest.results.changes import REST, STEPS, Figures, Outcome, headline_figures, summed
from stresstest.results.manifest import without_secrets
from stresstest.results.store import PartWriter
from stresstest.runs.console import Console
from stresstest.runs.difference.comparable import RULES, SCENARIOS, Comparable, engine_now, without_extras
from stresstest.runs.planning import scenarios_on
from stresstest.runs.staging import stage, workers
from stresstest.scenarios.resolve import resolve
from stresstest.scenarios.scenario_set import ScenarioSet
from stresstest.snapshot.frames import Snapshot, read_with_hashes
from stresstest.snapshot.mixing import PARTS, Mixed, mix, same
from stresstest.tables import ACCOUNT_SUMMARY, INPUT_TABLES

_NAMED = 5
"""Borrowed rows that are named; of more their number is told."""


@dataclass(frozen=True, eq=False)
class State:
    """Inputs on the way; `settings` name the moment, and `question` is what of scenarios and rules figures depend on."""

    mixed: Mixed
    settings: RunFile
    scenarios: ScenarioSet
    rulebook: Rulebook
    question: Mapping[str, Any]

    @property
    def snapshot(self) -> Snapshot:
        """Its tables."""
        return self.mixed.snapshot


def stored_outcomes(one: Comparable, two: Comparable) -> list[Outcome]:
    """What the stored hashes say of every step: unchanged, or not known; where one step alone has changed inputs, it is the whole change.

    Positions are also taken as changed when other accounts are there, and market and reference data, which share files, together.
    """
    changed = {step: why for step in STEPS if (why := _changed(step, one, two))}
    alone = len(changed) == 1
    return [
        Outcome(step, "unchanged")
        if step not in changed
        else Outcome(step, "measured", two.figures, f"{changed[step]}; nothing else is other input")
        if alone
        else Outcome(step, "not known", None, changed[step])
        for step in STEPS
    ]


def _changed(step: str, one: Comparable, two: Comparable) -> str:
    """How the hashes of a step's inputs differ, in words; empty where they are the same."""
    then, now = one.stated.inputs, two.stated.inputs
    files = [each.name for each in INPUT_TABLES if then.get(each.name) != now.get(each.name) and not each.not_used_yet]
    found: list[str] = []
    if step == "code version":
        return _engines(one.engine, two.engine)
    if step == "positions":
        found = [name for name in files if name in ("positions", "orders")]
        found += ["the accounts that there are"] if _account_ids(one) != _account_ids(two) else []
    elif step == "collateral":
        found = [name for name in files if name == "collateral"]
    elif step == "market":
        found = [name for name in files if name in ("instruments", "assets", "history")]
        found += ["as_of"] if one.stated.specification["as_of"] != two.stated.specification["as_of"] else []
    elif step == "reference data":
        found = [name for name in files if name in ("accounts", "owners", "instruments", "assets")]
    else:
        asked = SCENARIOS if step == "scenario set" else RULES
        before, after = one.stated.specification, two.stated.specification
        # What one version understood in the same way need not be read again, which takes longer than a small book.
        found = [name for name in asked if before.get(name) != after.get(name)]
        if found or one.stated.code != two.stated.code:
            with suppress(StressTestError):  # of a file that this version refuses the stored hash must do
                found = [name for name in asked if one.question[name] != two.question[name]]
    return f"other {', '.join(found)}" if found else ""


def _engines(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    names = [name for name in sorted(then.keys() | now.keys()) if then.get(name) != now.get(name)]
    return f"other {', '.join(names)}" if names else ""


def _account_ids(run: Comparable) -> set[str]:
    return {*run.accounts["account_id"], *run.excluded["account_id"]}


def chain(one: Comparable, two: Comparable, console: Console, threads: int | None = None) -> list[Outcome]:
    """The outcome of every step from run `one` to run `two`.

    Starts at the figures of run 1 as it stored them; where something else computed them than computes now, its inputs are computed again first
    (`code version`). Then inputs are exchanged step by step, and figures are computed where that changes any. The last of these states has
    the inputs of run 2, whose stored figures are taken where the same code computed them; else it is computed too, and what is left to run 2 as
    stored is `rest`. A mixture that is refused (a schedule that only the other margin file has, say) leaves its change to the next step.

    Args:
        one: the earlier run.
        two: the later run.
        console: told of every step.
        threads: default: those of the later run.

    Raises:
        StressTestError: input data, when a snapshot cannot be read or is not that of its run any more, every table that changed being named.
    """
    now = engine_now()
    with console.stage("snapshots"):
        before, after = _snapshot_of(one), _snapshot_of(two)
    ours = threads if threads is not None else two.settings.threads
    outcomes: list[Outcome] = []
    state = _state(one, two, before, after, frozenset())
    if difference := _engines(one.engine, now):
        outcomes.append(_computed("code version", state, f"{difference} than now", console, ours))
    else:
        outcomes.append(Outcome("code version", "unchanged"))
    pending: list[tuple[int, State, str]] = []
    moved: set[str] = set()
    for step in STEPS[1:]:
        moved.add(step)
        following = _state(one, two, before, after, frozenset(moved))
        if _alike(state, following):
            outcomes.append(Outcome(step, "unchanged"))
        else:
            pending.append((len(outcomes), following, _borrowed_words(following.mixed)))
            outcomes.append(Outcome(step, "not known"))
        state = following
    ends_as_stored = two.engine == now
    for place, each, note in pending[:-1] if ends_as_stored else pending:
        outcomes[place] = _computed(outcomes[place].step, each, note, console, ours)
    if ends_as_stored:
        return _ending(outcomes, pending[-1][0] if pending else 0, two.figures)
    return _with_rest(outcomes, one.figures, two, now)


def _ending(outcomes: list[Outcome], place: int, figures: Figures) -> list[Outcome]:
    """The outcomes whose last changed step ends at the figures that run 2 stored."""
    if outcomes[place].known != "unchanged":
        outcomes[place] = Outcome(outcomes[place].step, "measured", figures, outcomes[place].note)
    return outcomes


def _with_rest(outcomes: list[Outcome], start: Figures, two: Comparable, now: Mapping[str, str]) -> list[Outcome]:
    """The outcomes and, where the way does not end at the figures that run 2 stored, what is left."""
    moving = [each for each in outcomes if each.known != "unchanged"]
    if (moving[-1].figures if moving else start) == two.figures:
        return outcomes
    return [*outcomes, Outcome(REST, "measured", two.figures, f"the later run was computed with {_engines(two.engine, now)} than now")]


def _computed(step: str, state: State, note: str, console: Console, threads: int | None) -> Outcome:
    try:
        return Outcome(step, "measured", evaluate(state, f"step {step}", console, threads), note)
    except StressTestError as error:
        if error.reason in (Reason.ENVIRONMENT, Reason.INTERRUPTED, Reason.LOCKED):
            raise
        why = f"cannot stand by itself: {refused(error)}"
        console.warn(f"{step} {why}; its change is in the next measured step")
        return Outcome(step, "with the next", None, why)


def refused(error: StressTestError) -> str:
    """A refusal in a line that may be kept: its first fault by table and column, without paths and addresses, which are of one machine or secret."""
    if not error.faults or "://" in error.faults[0].what:
        return error.summary
    first = error.faults[0]
    place = ".".join(part for part in (first.table, first.column) if part)
    return f"{error.summary}: {place + ': ' if place else ''}{first.what}"


def _state(one: Comparable, two: Comparable, before: Snapshot, after: Snapshot, moved: frozenset[str]) -> State:
    scenarios, rules, moment = (two if step in moved else one for step in ("scenario set", "margin parameters", "market"))
    return State(
        mixed=mix(before, after, moved & set(PARTS)),
        settings=without_extras(rules.settings).model_copy(update={"as_of": moment.settings.as_of, "headline": scenarios.settings.headline}),
        scenarios=scenarios.scenarios,
        rulebook=rules.rulebook,
        question={**rules.question, **{name: scenarios.question[name] for name in SCENARIOS}},
    )


def _alike(one: State, other: State) -> bool:
    return one.settings.as_of == other.settings.as_of and one.question == other.question and same(one.snapshot, other.snapshot)


def _borrowed_words(mixed: Mixed) -> str:
    """What a mixture has from the side that it is not of, in words."""
    found = []
    for each in mixed.borrowed:
        names = ", ".join(each.keys[:_NAMED]) + (f" and {len(each.keys) - _NAMED:,} more" if len(each.keys) > _NAMED else "")
        lacking, giving = ("earlier", "later") if each.later else ("later", "earlier")
        found.append(f"{each.table} that the {lacking} snapshot lacks are as in the {giving} one: {names}")
    if mixed.released:
        found.append(f"collateral of closed isolated pools is in cross pools: {counted(mixed.released, 'row')}")
    return "; ".join(found)


def _snapshot_of(run: Comparable) -> Snapshot:
    """The snapshot that a run was made on.

    Raises:
        StressTestError: input data, when it cannot be read, or has other tables than the run read: every one of them is named.
    """
    snapshot, hashes = read_with_hashes(run.settings.snapshot)
    place = without_secrets(run.settings.snapshot)
    faults = []
    for name in sorted(run.stated.inputs.keys() | hashes.keys()):
        if run.stated.inputs.get(name) != hashes.get(name):
            what = "is not there any more" if name not in hashes else "was not there" if name not in run.stated.inputs else "has changed since"
            faults.append(Fault(f"the table {what}", "Name the snapshot of the run with --snapshot1 or --snapshot2.", file=place, table=name))
    if faults:
        raise StressTestError(Reason.INPUT_DATA, "the snapshot is not the one of the run", faults)
    return snapshot


def evaluate(state: State, name: str, console: Console, threads: int | None = None) -> dict[str, float | None]:
    """The headline figures of some inputs, as a run would find them.

    Args:
        state: the inputs.
        name: of the stage that the console is told of.
        console: told of blocks as they are done.
        threads: default: all cores.

    Raises:
        StressTestError: as a run would.
    """
    from stresstest.stress.limits import check_limits
    from stresstest.stress.static import static_stress
    from stresstest.valuation.value import value_instruments

    with tempfile.TemporaryDirectory(prefix="stresstest-diff-") as folder:
        work = Path(folder)
        update = {"snapshot": str(state.snapshot.write(work / "snapshot")), "threads": threads, "executor": "threads"}
        settings = state.settings.model_copy(update=update)
        rulebook = state.rulebook
        book = stage(settings, rulebook, work, ours=True)
        scenarios = scenarios_on(book, settings, state.scenarios)
        resolved, _ = resolve(scenarios, book.dimensions, rulebook.margin_names())
        units = value_instruments(book.dimensions, resolved)
        check_limits(book, resolved, units, rulebook)
        (work / "blocks").mkdir()
        with make_executor("threads", workers(settings), work) as executor, console.stage(name, book.blocks) as advance:
            stressed = static_stress(
                book,
                resolved,
                scenarios.scenarios,
                rulebook,
                units,
                executor,
                keep="worst",
                folder=work / "blocks",
                sink=PartWriter(work / "parts", scenarios.ids),
                on_progress=lambda _done, _blocks: advance(1),
            )
        parts = sorted((work / "parts" / ACCOUNT_SUMMARY.name).glob("*.parquet"))
        gross = pl.concat(pl.read_parquet(part, columns=["gross_notional"]) for part in parts)["gross_notional"]
        return headline_figures(stressed.scenario_summary, summed(gross))
