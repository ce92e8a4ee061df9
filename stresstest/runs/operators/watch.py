"""Those who watch runs without looking: a metrics file and messages, written when a run of the command line ends, whatever its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from stresstest.config import Notify, Override, RunFile
from stresstest.config.notify import as_section
from stresstest.config.overrides import absolute
from stresstest.config.run_file import for_the_collector
from stresstest.documents import Part, examine, read_document
from stresstest.errors import Fault, Reason, StressTestError
from stresstest.runs.console import utc_now
from stresstest.runs.operators.extras import EXTRAS, has

if TYPE_CHECKING:
    from stresstest.runs.finished import FinishedRun


class Operators(Part):
    """Whom a run tells how it ended: the keys of the run file that say so."""

    book: str | None = None
    name: str | None = None
    metrics: Annotated[str | None, AfterValidator(for_the_collector)] = None
    notify: Annotated[Notify, BeforeValidator(as_section)] = Notify()


def check_operators(settings: RunFile) -> None:
    """Refuse what could not be told when the run ends, before anything is computed.

    Raises:
        StressTestError: environment, when a package is missing, with the line that installs it; configuration, when an address is none or the
            metrics have no book to be of.
    """
    missing = [extra for extra, asked in (("metrics", settings.metrics), ("notify", settings.notify.urls)) if asked and not has(extra)]
    if missing:
        faults = [
            Fault(
                f"`{extra}` needs the package {EXTRAS[extra][0].replace('_', '-')}, which is not installed",
                f'python -m pip install "{EXTRAS[extra][1]}", or remove the key.',
                file=str(settings.file) if settings.file else None,
                path=extra,
            )
            for extra in missing
        ]
        raise StressTestError(Reason.ENVIRONMENT, "this machine cannot tell operators as asked", faults)
    if settings.metrics and not (settings.book or settings.name):
        hint = "Add `book: NAME`: what the series of runs is about."
        fault = Fault("`metrics` needs a book, which is its label", hint, file=str(settings.file) if settings.file else None, path="metrics")
        raise StressTestError(Reason.CONFIGURATION, "the metrics cannot be written as asked", [fault])
    if settings.notify.urls:
        from stresstest.runs.operators.notifying import check_addresses

        check_addresses(settings.notify.urls)


def operators_despite_faults(run_file: Path, overrides: Mapping[str, Override]) -> Operators:
    """Who is to be told of a run file that is refused: what can be understood of the keys that say so, each by itself."""
    try:
        data = read_document(run_file, Reason.CONFIGURATION).data
    except StressTestError:
        data = {}
    folder = run_file.absolute().parent
    found: dict[str, Any] = {}
    for key in Operators.model_fields:
        value = data.get(key) if isinstance(data, dict) else None
        value = absolute(value, folder) if key == "metrics" else value
        for name in sorted(name for name in overrides if name.partition(".")[0] == key):
            below = name.partition(".")[2]
            section = as_section(value) if below else None
            value = {**(section if isinstance(section, dict) else {}), below: overrides[name].value} if below else overrides[name].value
        known, _ = examine(Operators, {key: value})
        if known is not None:
            found[key] = getattr(known, key)
    return Operators.model_validate(found)


@dataclass
class Watch:
    """A run from its first word to its end, for those who are told of it.

    `operators`: whom; set as soon as they are known. `outcome`: the complete result, once there is one.
    """

    now: Callable[[], datetime] = utc_now
    operators: Operators = field(default_factory=Operators)
    outcome: FinishedRun | None = None
    started: float = field(default_factory=time.perf_counter)

    def of(self, settings: RunFile) -> None:
        """Take those that the settings name."""
        self.operators = Operators(book=settings.book, name=settings.name, metrics=settings.metrics, notify=settings.notify)

    def tell(self, exit_code: int, error: StressTestError | None) -> list[str]:
        """Write the metrics and send the messages; a line for everything that failed, which fails no run."""
        seconds = time.perf_counter() - self.started
        book = self.operators.book or self.operators.name or (self.outcome.summary.run.name if self.outcome else "")
        failed = []
        if self.operators.metrics and has("metrics") and book:
            failed += self._write_metrics(book, exit_code, seconds)
        if self.operators.notify.urls and has("notify"):
            failed += self._notify(book or "a book without a name", exit_code, error)
        return failed

    def _write_metrics(self, book: str, exit_code: int, seconds: float) -> list[str]:
        from stresstest.results.manifest import peak_memory
        from stresstest.runs.operators.metrics import Ended, write_metrics

        file = Path(self.operators.metrics or "")
        summary = self.outcome.summary if self.outcome else None
        try:
            write_metrics(file, Ended(book, self.now(), exit_code, round(seconds, 3), peak_memory(), summary))
        except (OSError, ValueError) as error:
            return [f"the metrics {file} are not written: {getattr(error, 'strerror', None) or error}"]
        return []

    def _notify(self, book: str, exit_code: int, error: StressTestError | None) -> list[str]:
        from stresstest.runs.operators.notifying import message, occasions, send

        summary, repeated = (self.outcome.summary, self.outcome.repeated) if self.outcome else (None, False)
        told = occasions(exit_code, summary, repeated) & set(self.operators.notify.on)
        if not told:
            return []
        title, text = message(book, exit_code, summary, error or (self.outcome.lacking if self.outcome else None))
        return send(self.operators.notify.urls, title, text, "warning" if told == {"amber"} else "failure")
