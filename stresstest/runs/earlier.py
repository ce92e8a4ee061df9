"""What a run learns from the runs before it, and how it joins them when it is finished."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from stresstest.errors import StressTestError
from stresstest.results.history import add, previous, read_runs
from stresstest.results.history_rows import figures_of_run
from stresstest.results.identity import Identity
from stresstest.results.limit_history import limit_history
from stresstest.results.manifest import PreviousRun
from stresstest.results.store import read_table, write_table
from stresstest.results.summary import Summary
from stresstest.results.trend import trend_table, year_before
from stresstest.runs.console import Console
from stresstest.runs.planning import Plan
from stresstest.tables import LIMIT_HISTORY, LIMITS, TREND


def write_context(plan: Plan, result: Path, summary: Summary, stated: Identity, console: Console) -> None:
    """Write the tables of what the run learned from earlier runs into its folder; none where the run file names no history.

    Files of the history that cannot be read are named, and the others count.
    """
    if plan.settings.history is None:
        return
    own = figures_of_run(summary, stated)
    earlier = read_runs(Path(plan.settings.history), year_before(own["as_of"]), own["as_of"], plan.book)
    for fault in earlier.faults:
        console.warn(f"a file of the history is left out: {fault.text()}")
    write_table(trend_table(earlier.table, own), TREND, result / f"{TREND.name}.parquet")
    if plan.settings.limits:
        limits = limit_history(read_table(result, LIMITS.name), earlier.table, own, Path(plan.settings.history), console.warn)
        write_table(limits, LIMIT_HISTORY, result / f"{LIMIT_HISTORY.name}.parquet")


def run_before(plan: Plan, summary: Summary) -> PreviousRun | None:
    """What the manifest notes of the run of this book before this one; None without a history or without such a run."""
    if plan.settings.history is None:
        return None
    found = previous(Path(plan.settings.history), plan.book, datetime.fromisoformat(summary.run.as_of))
    if found is None:
        return None
    return PreviousRun(
        result_id=found.result_id,
        as_of=found.as_of.isoformat(),
        folder=os.path.relpath(found.folder, plan.target.resolve()),
        manifest_sha256=found.figures["manifest_sha256"],
    )


def join_history(plan: Plan, folder: Path) -> StressTestError | None:
    """Add a finished run to the history that its run file names; where that fails, what failed and how to add it later.

    The run itself is complete, and stays.
    """
    if plan.settings.history is None or not plan.adds:
        return None
    try:
        add(folder, Path(plan.settings.history))
    except StressTestError as error:
        later = shlex.join(["stresstest", "history", "add", str(folder), "--history", plan.settings.history])
        mend = f"The result itself is complete. Add it later: {later}"
        return StressTestError(error.reason, error.summary, [replace(fault, hint=f"{fault.hint} {mend}") for fault in error.faults])
    return None
