"""Batch stress-testing of cross-margined portfolios.

As a library: `plan`, `run` and `open_run`, with `compare` for two runs, `verify` for one, `read_snapshot` and `read_document` for inputs to change.

>>> import stresstest
>>> before = stresstest.run("sample_data/run.yaml")  # doctest: +SKIP
>>> before.table("account_summary")  # doctest: +SKIP

docs/notebook.md shows all of it at work. Names are looked up when they are first used, so that the import costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from stresstest.errors import Fault, Reason, StressTestError
    from stresstest.margin.explain import Explanation
    from stresstest.report.gallery import Charts
    from stresstest.runs.calls import plan, read_document, run, validate
    from stresstest.runs.checking import Checked
    from stresstest.runs.console import Console
    from stresstest.runs.difference.diffing import Difference, diff
    from stresstest.runs.finished import FinishedRun, compare, open_run
    from stresstest.runs.planning import Plan
    from stresstest.runs.reverse.answers import Reversed
    from stresstest.runs.reverse.covariance import MoveTerms
    from stresstest.runs.reverse.frontier import frontier
    from stresstest.runs.reverse.frontier_report import FrontierReport
    from stresstest.runs.reverse.grid import breach_grid
    from stresstest.runs.reverse.grid_report import GridReport
    from stresstest.runs.reverse.plausible import FoundMove, likeliest_move, worst_move
    from stresstest.runs.reverse.searching import reverse
    from stresstest.runs.verification import Verification
    from stresstest.runs.verifying import verify
    from stresstest.snapshot.frames import Snapshot, read_snapshot

__all__ = [
    "Charts",
    "Checked",
    "Console",
    "Difference",
    "Explanation",
    "Fault",
    "FinishedRun",
    "FoundMove",
    "FrontierReport",
    "GridReport",
    "MoveTerms",
    "Plan",
    "Reason",
    "Reversed",
    "Snapshot",
    "StressTestError",
    "Verification",
    "__version__",
    "breach_grid",
    "compare",
    "diff",
    "frontier",
    "likeliest_move",
    "open_run",
    "plan",
    "read_document",
    "read_snapshot",
    "reverse",
    "run",
    "validate",
    "verify",
    "worst_move",
]

_HOMES = {
    "errors": ("Fault", "Reason", "StressTestError"),
    "margin.explain": ("Explanation",),
    "report.gallery": ("Charts",),
    "runs.calls": ("plan", "read_document", "run", "validate"),
    "runs.checking": ("Checked",),
    "runs.console": ("Console",),
    "runs.difference.diffing": ("Difference", "diff"),
    "runs.finished": ("FinishedRun", "compare", "open_run"),
    "runs.reverse.frontier": ("frontier",),
    "runs.reverse.frontier_report": ("FrontierReport",),
    "runs.reverse.grid": ("breach_grid",),
    "runs.reverse.grid_report": ("GridReport",),
    "runs.planning": ("Plan",),
    "runs.reverse.covariance": ("MoveTerms",),
    "runs.reverse.plausible": ("FoundMove", "likeliest_move", "worst_move"),
    "runs.reverse.answers": ("Reversed",),
    "runs.reverse.searching": ("reverse",),
    "runs.verification": ("Verification",),
    "runs.verifying": ("verify",),
    "snapshot.frames": ("Snapshot", "read_snapshot"),
}

if not TYPE_CHECKING:  # with it in sight a type checker would let every name pass

    def __getattr__(name: str) -> object:
        for home, names in _HOMES.items():
            if name in names:
                found = getattr(import_module(f"stresstest.{home}"), name)
                globals()[name] = found
                return found
        raise AttributeError(f"module 'stresstest' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
