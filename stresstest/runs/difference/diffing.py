"""What changed between two finished runs, and what of their inputs changed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import polars as pl

from stresstest.errors import Reason, StressTestError
from stresstest.results.changed_accounts import changed_accounts
from stresstest.results.changes import NAME, Changes, ComparedRun, changes_frame, split, steps_of
from stresstest.results.documents import write_document
from stresstest.results.store import empty, write_table
from stresstest.results.whole import whole
from stresstest.runs.console import Console, Logged
from stresstest.runs.difference.cascades import cascade_note
from stresstest.runs.difference.comparable import Comparable, finished
from stresstest.runs.difference.exchanging import chain, refused, stored_outcomes
from stresstest.runs.folders import cannot_write
from stresstest.tables import CHANGED_ACCOUNTS, CHANGES

if TYPE_CHECKING:
    from stresstest.runs.finished import FinishedRun


@dataclass(frozen=True, eq=False)
class Difference:
    """What changed between two runs.

    `changes` is the document: runs, headline figures step by step, how each step is known, counts of breaches and accounts. `figures` and
    `accounts` are the tables `changes` and `changed_accounts`; `names` are display names of the later run's scenarios.
    """

    changes: Changes
    figures: pl.DataFrame
    accounts: pl.DataFrame
    names: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        document = self.changes
        before = "no earlier run" if document.before is None else document.before.result_id[:12]
        return f"<Difference {before} to {document.after.result_id[:12]}: {self.accounts.height:,} accounts changed>"

    def html(self) -> str:
        """The page of changes of a report as an HTML document of its own, which loads nothing."""
        from stresstest.report.difference import difference_html

        return difference_html(self.changes, self.accounts, self.names)

    def write_html(self, path: str | Path) -> Path:
        """Write that document; the file is there whole or not at all, and takes the place of one of its name.

        Raises:
            StressTestError: environment, when it cannot be written.
        """
        path = Path(path).absolute()
        try:
            with whole(path) as partial:
                partial.write_text(self.html(), encoding="utf-8", newline="\n")
        except OSError as error:
            raise cannot_write(path, error, "the page") from error
        return path

    def write(self, folder: Path) -> None:
        """Write the document and both tables into a result folder."""
        write_document(self.changes, folder / NAME)
        write_table(self.figures, CHANGES, folder / f"{CHANGES.name}.parquet")
        write_table(self.accounts, CHANGED_ACCOUNTS, folder / f"{CHANGED_ACCOUNTS.name}.parquet")


def diff(
    run1: str | Path | FinishedRun,
    run2: str | Path | FinishedRun,
    *,
    snapshot1: str | Path | None = None,
    snapshot2: str | Path | None = None,
    chain: bool = True,
    threads: int | None = None,
    console: Console | None = None,
) -> Difference:
    """What changed from one finished run to another: headline figures, what moved them, breaches, accounts.

    A change is split by exchanging inputs one after the other and computing again: code version, positions, collateral, market, reference data,
    scenario set, margin parameters. The split depends on that order. Where a snapshot is not at hand, it is what stored hashes can say: the steps
    whose inputs did not change are zero, and one that changed alone is the whole change.

    Args:
        run1: the earlier run, or its result folder.
        run2: the later run.
        snapshot1: where the snapshot of the earlier run is now; default: where the run read it.
        snapshot2: the same of the later run.
        chain: False: compute nothing again.
        threads: default: those of the later run.
        console: told of the steps; default: the log.

    Raises:
        StressTestError: input data, when a folder is no finished run or not as its run left it; usage, when the runs report in different currencies,
            or when a snapshot was named and is not that of its run.
    """
    one, two = (finished(_folder(run), place) for run, place in ((run1, snapshot1), (run2, snapshot2)))
    return difference_of(one, two, console or Logged(), chain_wanted=chain, named=bool(snapshot1 or snapshot2), threads=threads)


def _folder(run: str | Path | FinishedRun) -> Path:
    return Path(run).absolute() if isinstance(run, (str, Path)) else run.folder


def difference_of(
    one: Comparable, two: Comparable, console: Console, *, chain_wanted: bool = True, named: bool = False, threads: int | None = None
) -> Difference:
    """What changed from `one` to `two`: see `diff`. `named`: the user said where the snapshots are, so that they must be there.

    Raises:
        StressTestError: see `diff`.
    """
    if one.currency != two.currency:
        hint = "Run one of them again with the reporting currency of the other."
        raise StressTestError(Reason.USAGE, f"the runs report in {one.currency} and {two.currency}", hint=hint)
    notes: list[str] = []
    outcomes = stored_outcomes(one, two)
    computed = False
    if any(each.known == "not known" for each in outcomes):
        if not chain_wanted:
            notes.append("Nothing was computed again, as asked: the split is what the stored hashes of the inputs can say.")
        else:
            try:
                outcomes, computed = chain(one, two, console, threads), True
            except StressTestError as error:
                if named or error.reason in (Reason.ENVIRONMENT, Reason.INTERRUPTED, Reason.LOCKED):
                    raise
                notes.append(_why_not(error))
                console.warn(notes[-1])
    notes += [note] if (note := cascade_note(one, two)) else []
    figures = split(one.figures, outcomes, two.figures)
    accounts, breaches, presence = changed_accounts(one.accounts, two.accounts, one.excluded, two.excluded)
    changes = Changes(
        before=one.about(),
        after=two.about(),
        reporting_currency=two.currency,
        computed_again=computed,
        notes=tuple(notes),
        steps=steps_of(outcomes),
        figures=figures,
        breaches=breaches,
        presence=presence,
    )
    return Difference(changes, changes_frame(figures), accounts, dict(two.scenario_summary.select("scenario_id", "name").iter_rows()))


def nothing_earlier(after: ComparedRun, currency: str, why: str) -> Difference:
    """The difference of a run that there is no earlier run to compare with, and why."""
    changes = Changes(
        before=None, after=after, reporting_currency=currency, computed_again=False, notes=(why,), steps=(), figures=(), breaches=None, presence=None
    )
    return Difference(changes, empty(CHANGES), empty(CHANGED_ACCOUNTS))


def _why_not(error: StressTestError) -> str:
    """Why nothing was computed again, in two sentences; of several tables all are named, of a snapshot its name without the folders above it."""
    tables = sorted({fault.table for fault in error.faults if fault.table})
    places = sorted({PurePath(fault.file).name.partition("?")[0] for fault in error.faults if fault.file})
    what = error.summary if tables else refused(error)
    why = f"{what} ({', '.join(tables or places)})" if tables or places else what
    return f"Nothing was computed again: {why}. The split is what the stored hashes of the inputs can say."
