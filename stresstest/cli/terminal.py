"""The terminal as a run sees it: narration and progress on stderr, bars only where somebody watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from stresstest.cli.output import printable
from stresstest.runs.console import Advance


class Terminal:
    """Narrates on stderr. Under cron (stderr is no terminal) only warnings and long waits are said, unless `verbose`."""

    def __init__(self, quiet: bool = False, verbose: bool = False) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self.watched = sys.stderr.isatty()

    def note(self, text: str) -> None:
        """Something worth knowing that needs no action."""
        if self.verbose or (self.watched and not self.quiet):
            print(printable(text), file=sys.stderr)

    def announce(self, text: str) -> None:
        """Why nothing will be seen for a while; also for a log that nobody watches."""
        if not self.quiet:
            print(printable(text), file=sys.stderr)

    def warn(self, text: str, *, always: bool = False) -> None:
        """Something to look at; the run goes on. `always`: also where nothing but errors is wanted."""
        if always or not self.quiet:
            print(f"warning: {printable(text)}", file=sys.stderr)

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Advance]:
        """A progress bar where somebody watches; with `verbose` the seconds it took."""
        started = time.perf_counter()
        if self.watched and not self.quiet:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            columns = (SpinnerColumn(), TextColumn("{task.description:22}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
                task = progress.add_task(name, total=total)
                yield lambda units: progress.advance(task, units)
        else:
            yield lambda _: None
        if self.verbose:
            print(f"{name}: {time.perf_counter() - started:.2f} s", file=sys.stderr)
