"""Scenario sets whose generators need a book's history, made whole on that book."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import polars as pl

from stresstest.documents import Problem, dotted, resembling
from stresstest.errors import Fault, Reason, StressTestError, counted
from stresstest.scenarios.factors import split_factor
from stresstest.scenarios.generators.completion import complete
from stresstest.scenarios.generators.covariance import estimate, moves_of
from stresstest.scenarios.generators.draws import drawn
from stresstest.scenarios.generators.history import History, history_of, kinds_of
from stresstest.scenarios.generators.of_history import Complete, FromHistory, Historical, MonteCarlo
from stresstest.scenarios.generators.windows import replayed
from stresstest.scenarios.scenario_set import SHOCKS, Pending, Scenario, ScenarioSet
from stresstest.snapshot.book import Book

Made = tuple[list[Scenario], pl.DataFrame, list[Problem]]


def on_the_history(scenarios: ScenarioSet, book: Book) -> ScenarioSet:
    """The set with what its pending generators make of the book's history, behind all others; the same set where none is pending.

    `stated` of the result is the set as it was: what a run is asked does not depend on the days that history has.

    Raises:
        StressTestError: with every fault of every generator, with file and line: input data, when there is no history, or what it holds is all that
            is at fault (too little, a singular covariance); reason SCENARIO, when any of them is in what the generators ask for.
    """
    if not scenarios.pending:
        return scenarios
    history = history_on(book)
    if history is None:
        faults = [_fault(each, Problem((), "needs a history, and the snapshot has none", HISTORY_NEEDED)) for each in scenarios.pending]
        raise StressTestError(Reason.INPUT_DATA, "the snapshot has no history for generators", faults)
    whole, shocks, faults = list(scenarios.scenarios), [scenarios.shocks], []
    of_data = True
    seen, height = set(scenarios.ids), scenarios.shocks.height
    for pending in scenarios.pending:
        made, frame, problems = _made(pending.generator, scenarios, history, book)
        repeated = [each.id for each in made if each.id in seen]
        if repeated:
            problems.append(
                Problem((), f"scenario `{repeated[0]}` is there already", "Ids are unique over all files: give the generator another id.")
            )
        seen.update(each.id for each in made)
        faults += [_fault(pending, problem) for problem in problems]
        of_data = of_data and all(problem.of_data for problem in problems)
        shocks.append(frame.with_columns(pl.col("scenario") + len(whole)))
        whole += [
            dataclasses.replace(each, first=each.first + height, last=each.last + height, file=pending.file, generator=pending.number)
            for each in made
        ]
        height += frame.height
    if faults:
        raise StressTestError(Reason.INPUT_DATA if of_data else Reason.SCENARIO, f"the generators have {counted(len(faults), 'fault')}", faults)
    return ScenarioSet(tuple(whole), pl.concat(shocks), scenarios.name, stated=scenarios)


def history_on(book: Book) -> History | None:
    """The history of a book, without days after its moment; None where its snapshot has none.

    Raises:
        StressTestError: input data, when it cannot be used.
    """
    rows = book.history()
    if rows.is_empty():
        return None
    additive = frozenset(book.dimensions.assets.filter("may_be_negative")["asset"])
    history, wrong = history_of(rows, book.dimensions.as_of.date(), additive)
    if wrong:
        raise StressTestError(Reason.INPUT_DATA, f"the history has {counted(len(wrong), 'fault')}", wrong)
    return history


HISTORY_NEEDED = "Add the table `history` to it: date, factor (spot:BTC), value."


def _fault(pending: Pending, problem: Problem) -> Fault:
    path = dotted(("generators", pending.number, *problem.place))
    return Fault(problem.what, problem.hint, file=pending.file, line=pending.line, path=path)


def _made(generator: FromHistory, scenarios: ScenarioSet, history: History, book: Book) -> Made:
    if isinstance(generator, Historical):
        factors, problems = chosen_factors(generator.factors, history, tuple(generator.proxies))
        if problems:
            return [], pl.DataFrame(schema=SHOCKS), problems
        return replayed(generator, history, factors)
    assert isinstance(generator, MonteCarlo | Complete)
    factors, problems = chosen_factors(generator.factors, history)
    if problems:
        return [], pl.DataFrame(schema=SHOCKS), problems
    wanted = history.only(factors)
    kinds = kinds_of(wanted, factors, generator.returns, "log")
    moves, problems = moves_of(wanted, kinds, generator.covariance, book.dimensions.as_of.date())
    if moves is None:
        return [], pl.DataFrame(schema=SHOCKS), problems
    estimated, problems = estimate(moves, generator.covariance)
    if estimated is None:
        return [], pl.DataFrame(schema=SHOCKS), problems
    return drawn(generator, moves, estimated) if isinstance(generator, MonteCarlo) else complete(generator, scenarios, estimated)


def chosen_factors(wanted: Sequence[str] | None, history: History, besides: Sequence[str] = ()) -> tuple[tuple[str, ...], list[Problem]]:
    """The factors of the history that are `wanted` (names, or `type:*`; None: all), in its order, then those `besides`, which only have a proxy."""
    if wanted is None:
        return (*history.factors, *(name for name in besides if name not in history.factors)), []
    known = (*history.factors, *besides)
    problems, chosen = [], set()
    for name in wanted:
        kind, every = split_factor(name)
        found = [each for each in known if split_factor(each)[0] == kind] if every == "*" else [each for each in known if each == name]
        if not found:
            hint = resembling(name, known) or f"The history has {counted(len(history.factors), 'factor')}: {', '.join(history.factors[:12])}."
            problems.append(Problem(("factors",), f"`{name}` has no history", hint))
        chosen.update(found)
    return tuple(name for name in dict.fromkeys(known) if name in chosen), problems
