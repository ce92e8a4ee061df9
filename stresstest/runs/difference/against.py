"""A run set against an earlier one: the last of its book, or one that the run file names."""

from __future__ import annotations

from pathlib import Path

from stresstest.config import PREVIOUS, RunFile, keyword_overrides, load_run
from stresstest.errors import Fault, Reason, StressTestError
from stresstest.results.history import previous
from stresstest.results.history_rows import figures_of_run
from stresstest.results.identity import Identity
from stresstest.results.inputs import FOLDER, RUN
from stresstest.results.summary import Summary
from stresstest.runs.console import Console
from stresstest.runs.difference.comparable import Comparable, engine_now, finished
from stresstest.runs.difference.diffing import Difference, difference_of, nothing_earlier
from stresstest.runs.difference.exchanging import refused
from stresstest.runs.planning import Plan


def write_changes(plan: Plan, result: Path, summary: Summary, stated: Identity, console: Console) -> None:
    """Write what changed since the earlier run that the run file asks for: `changes.json` and the tables `changes`, `changed_accounts`.

    Where there is no earlier run, or it cannot be compared with, the document says why, and so does the console: this run's own figures do
    not depend on it.
    """
    place = None if plan.given_snapshot is not None else plan.settings.snapshot
    settings = load_run(result / FOLDER / RUN, keyword_overrides({"snapshot": place}))
    own = Comparable(result, settings, stated, engine_now())
    _difference(plan.settings, own, summary, console).write(result)


def _difference(asked: RunFile, own: Comparable, summary: Summary, console: Console) -> Difference:
    try:
        earlier = _earlier(asked, own, summary)
        if isinstance(earlier, str):
            console.note(earlier)
            return nothing_earlier(own.about(), own.currency, earlier)
        return difference_of(earlier, own, console, threads=asked.threads)
    except StressTestError as error:
        if error.reason in (Reason.ENVIRONMENT, Reason.INTERRUPTED):
            raise
        why = f"The earlier run cannot be compared with: {refused(error)}."
        console.warn(why)
        return nothing_earlier(own.about(), own.currency, why)


def _earlier(asked: RunFile, own: Comparable, summary: Summary) -> Comparable | str:
    """The earlier run, or why there is none."""
    if asked.against != PREVIOUS:
        return finished(Path(str(asked.against)))
    if asked.history is None:
        return "No history is kept, and only a history knows which run was the previous one: there is nothing to compare this one with."
    figures = figures_of_run(summary, own.stated)
    run = previous(Path(asked.history), figures["book"], figures["as_of"])
    if run is None:
        return f"The history has no earlier run of the book {figures['book']}: there is nothing to compare this one with."
    found = finished(run.folder)
    if found.stated.result_id != run.result_id:
        what = f"holds result {found.stated.result_id[:12]}, and the history knows {run.result_id[:12]} there"
        fault = Fault(what, "Set this run against the folder of the run that is meant.", file=str(run.folder))
        raise StressTestError(Reason.INPUT_DATA, "the previous run is not where it was", [fault])
    return found
