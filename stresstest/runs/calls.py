"""What programs and notebooks call: a plan from four values (what to compute, from where, to where, how), and the run of it.

The command line is a thin layer over these. Neither environment variables nor the terminal are looked at here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

import polars as pl

from stresstest.config import RunFile, keyword_overrides, load_run, settings_with
from stresstest.documents import read_document as read_text_document
from stresstest.runs import planning
from stresstest.runs.console import Console, Logged, utc_now
from stresstest.runs.finished import FinishedRun
from stresstest.runs.given import Given, TemporaryFolder
from stresstest.runs.planning import Plan

if TYPE_CHECKING:
    from stresstest.runs.checking import Checked

Tables = Mapping[str, pl.DataFrame]
"""A snapshot in memory: a `Snapshot`, or a dictionary of Polars frames by table name."""

Values = Mapping[str, Any]
"""A document as plain values, as `read_document` gives them."""

Document = str | Path | Values
Documents = Document | Sequence[Document]

Base = str | Path | RunFile | Plan | FinishedRun
"""What to begin with: a run file, settings, a plan, or a finished run."""


class Settings(TypedDict, total=False):
    """Keys of the run file as keywords, each laid over what the run file says. Sections (`output`, `resources`, ...) are
    mappings, laid over key by key: `output={"formats": ["html"]}` leaves the folder as it is.
    """

    name: str
    book: str
    history: str | Path
    against: str | Path
    as_of: str | datetime
    reporting_currency: str
    margin_model: str
    compare: Values
    statistics: Values
    funding: bool | None
    attribution: Values
    reverse: Values
    cascade: Values
    waterfall: Sequence[str]
    keep: Literal["all", "breaches", "worst"]
    headline: Sequence[str]
    on_missing: Literal["refuse", "exclude"]
    max_excluded: Values
    max_price_age: float | str
    reconciliation_tolerance: float | Values
    resources: Values
    limits: Sequence[Values]
    executor: Literal["threads", "processes"]
    threads: int
    max_memory: int | str
    seed: int
    output: Values


def plan(
    what: Base | None = None,
    *,
    snapshot: str | Path | Tables | None = None,
    scenarios: Documents | None = None,
    margin: Document | None = None,
    out: str | Path | None = None,
    **settings: Unpack[Settings],
) -> Plan:
    """A run that has not begun, as a value that can be printed and run.

    Args:
        what: a run file; or settings, a plan or a finished run to begin with; None: everything is given as keywords.
        snapshot: from where: a folder or URL, or frames by table name. Without `as_of` and `reporting_currency` of their own, frames
            leave those of `what`.
        scenarios: what to compute: scenario files, or documents as plain values, one or several; they take the place of those of `what`.
        margin: by which rules: a margin file, or a document as plain values.
        out: to where: the result folder itself. None: a temporary folder, that goes away with the run, and no reports.
        settings: how: keys of the run file. Relative paths start at the working directory.

    Raises:
        StressTestError: every fault of settings, scenarios and margin file; what was given as values is named as such.
    """
    applied, given = _applied(what, snapshot, scenarios, margin, settings)
    with given.told():
        planned = planning.plan(applied, None if out is None else Path(out), applied.file)
    return replace(planned, temporary=out is None, given=given)


def run(
    what: Base | None = None,
    *,
    snapshot: str | Path | Tables | None = None,
    scenarios: Documents | None = None,
    margin: Document | None = None,
    out: str | Path | None = None,
    force: bool = False,
    console: Console | None = None,
    command: Sequence[str] = (),
    now: Callable[[], datetime] = utc_now,
    **settings: Unpack[Settings],
) -> FinishedRun:
    """Run a stress test: a plan as it is, or what `plan` makes of the same arguments.

    Args:
        what: a plan; or a run file, settings or a finished run to begin with.
        snapshot: as for `plan`.
        scenarios: as for `plan`.
        margin: as for `plan`.
        out: the result folder itself, which appears when everything in it is finished. None: that of a plan that is run as it is; otherwise
            (a plan that is changed on the way is another run) a temporary one.
        force: replace the results of an earlier run.
        console: told of stages and warnings; default: the log (`logging.getLogger("stresstest")`).
        command: kept in the manifest.
        now: the clock.
        settings: as for `plan`.

    Raises:
        StressTestError: everything that `plan` refuses; input data, with every fault of the snapshot; usage, when `out` may not be
            replaced; locked, when another run writes it; environment, when the machine lacks something that the figures need.
    """
    from stresstest.runs.pipeline import execute

    unchanged = snapshot is None and scenarios is None and margin is None and not settings
    if isinstance(what, Plan) and unchanged:
        planned = what if out is None else what.into(out)
    else:
        planned = plan(what, snapshot=snapshot, scenarios=scenarios, margin=margin, out=out, **settings)
    folder = TemporaryFolder("run") if planned.temporary else None
    placed = planned if folder is None else _temporary(planned, folder.path / "run")
    with (planned.given or Given()).told():
        outcome = execute(placed, console or Logged(), force=force, command=command, now=now)
    return FinishedRun(outcome.folder, outcome.lacking, outcome.repeated, folder)


def _temporary(planned: Plan, target: Path) -> Plan:
    """The plan with this target and without reports, which take longer than all else and can be made when they are asked for; nor is it added to
    a history, which would name a folder that is gone."""
    output = planned.settings.output.model_copy(update={"formats": ("json",)})
    return replace(planned.into(target), settings=planned.settings.model_copy(update={"output": output}), adds=False)


def validate(
    what: Base | None = None,
    *,
    snapshot: str | Path | Tables | None = None,
    scenarios: Documents | None = None,
    margin: Document | None = None,
    console: Console | None = None,
    **settings: Unpack[Settings],
) -> Checked:
    """Check all inputs of a run and compute nothing: what was read, and findings that are worth a look.

    Args:
        what: as for `plan`.
        snapshot: as for `plan`.
        scenarios: as for `plan`.
        margin: as for `plan`.
        console: told of stages; default: the log.
        settings: as for `plan`.

    Raises:
        StressTestError: every fault of settings, scenarios, margin file and snapshot.
    """
    from stresstest.runs.checking import validate as validate_settings  # imports what values instruments: planning a run must not wait for it

    applied, given = _applied(what, snapshot, scenarios, margin, settings)
    with given.told():
        return validate_settings(applied, console or Logged(), ours=given.snapshot is not None)


def _applied(
    what: Base | None, snapshot: str | Path | Tables | None, scenarios: Documents | None, margin: Document | None, settings: Settings
) -> tuple[RunFile, Given]:
    """The settings with everything applied, and the keeper of what was given as values."""
    before = what.given if isinstance(what, Plan) else None
    given = Given(before.snapshot if before else None, before, what)
    keywords: dict[str, Any] = dict(settings)
    if isinstance(snapshot, Mapping):
        given = given.with_snapshot(snapshot)
        keywords["snapshot"] = str(given.snapshot)
    elif snapshot is not None:
        given = replace(given, snapshot=None)
        keywords["snapshot"] = str(snapshot)
    if scenarios is not None:
        several = [scenarios] if isinstance(scenarios, (str, Path, Mapping)) else scenarios
        keywords["scenarios"] = [_path(given, f"scenarios-{number}", each) for number, each in enumerate(several, start=1)]
    if margin is not None:
        keywords["margin"] = _path(given, "margin", margin)
    overrides = keyword_overrides(keywords)
    if isinstance(what, (str, Path)):
        return load_run(what, overrides), given
    run = what if isinstance(what, RunFile) or what is None else what.settings
    return (run if run is not None and not overrides else settings_with(overrides, run)), given


def _path(given: Given, name: str, document: Document) -> str:
    return str(given.document(name, document) if isinstance(document, Mapping) else document)


def read_document(path: str | Path) -> Any:
    """A margin, scenario or run file (YAML 1.2 or JSON) as plain values, read as a run reads it: `NO` is text, `10_000_000` a number.

    Raises:
        StressTestError: configuration, when it cannot be read; keys that stand twice are refused.
    """
    return read_text_document(path).data
