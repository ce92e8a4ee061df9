"""Every error a user can cause: a closed set of reasons, each with its exit code.

Errors are built where the facts are and collected: a step gathers all its `Fault`s and raises one
`StressTestError`. Nothing below the command line prints.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

SHOWN_KEYS = 5
"""Offending keys that a fault names at most."""

SHOWN_FAULTS = 50
"""Faults that the text of a refusal holds; the rest is counted, and `faults` has them all."""


class ExitCode(IntEnum):
    """Exit codes of the command line: a contract with cron jobs, never renumbered."""

    DONE = 0
    INTERNAL = 1
    CONFIGURATION = 2
    INPUT_REFUSED = 3
    ENVIRONMENT = 4
    LIMIT_BREACHED = 5
    LOCKED = 75
    INTERRUPTED = 130


class Reason(Enum):
    """Why something was refused; each reason has one exit code."""

    USAGE = ("usage", ExitCode.CONFIGURATION)
    CONFIGURATION = ("configuration", ExitCode.CONFIGURATION)
    NOT_IN_THIS_VERSION = ("not in this version", ExitCode.CONFIGURATION)
    SCENARIO = ("scenario", ExitCode.CONFIGURATION)
    MARGIN_FILE = ("margin file", ExitCode.CONFIGURATION)
    INPUT_DATA = ("input data", ExitCode.INPUT_REFUSED)
    ENVIRONMENT = ("environment", ExitCode.ENVIRONMENT)
    LIMIT = ("limit", ExitCode.LIMIT_BREACHED)
    LOCKED = ("locked", ExitCode.LOCKED)
    INTERRUPTED = ("interrupted", ExitCode.INTERRUPTED)

    def __init__(self, label: str, exit_code: ExitCode) -> None:
        self.label = label
        self.exit_code = exit_code


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: what, where, why it matters and how to mend it.

    `keys` holds the first five offending keys, `rows` the number of rows they stand for; for faults of a table
    `file`, `table`, `column` and `rule` say where, for faults of a document `file`, `line` and `path` do.
    """

    what: str
    hint: str = ""
    file: str | None = None
    line: int | None = None
    path: str | None = None
    table: str | None = None
    column: str | None = None
    rule: str | None = None
    rows: int | None = None
    keys: tuple[str, ...] = ()

    def where(self) -> str:
        """File, line, table and column, in the order in which a reader looks for them."""
        parts = []
        if self.file is not None:
            parts.append(self.file if self.line is None else f"{self.file}:{self.line}")
        if self.table is not None:
            parts.append(self.table if self.column is None else f"{self.table}.{self.column}")
        if self.path is not None:
            parts.append(self.path)
        return ", ".join(parts)

    def text(self) -> str:
        """One paragraph: where, what, how many rows and which, and the mend."""
        where = self.where()
        text = f"{where}: {self.what}" if where else self.what
        if self.rows is not None:
            text += f" ({counted(self.rows, 'row')}"
            text += f": {', '.join(self.keys)}" if self.keys else ""
            # Fewer keys than are shown at most are all there are: several rows may have one.
            text += ", ..." if SHOWN_KEYS <= len(self.keys) < self.rows else ""
            text += ")"
        elif self.keys:
            text += f" ({', '.join(self.keys)})"
        return f"{text}. {self.hint}" if self.hint else text


def counted(number: int, noun: str) -> str:
    """A number with its noun, as every message says it: `1 row`, `2 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class StressTestError(Exception):
    """A refusal: one `reason`, a `summary`, all the `faults` that led to it, and where those do not say it a `hint` how to mend it."""

    def __init__(self, reason: Reason, summary: str, faults: tuple[Fault, ...] | list[Fault] = (), hint: str = "") -> None:
        self.reason = reason
        self.summary = summary
        self.faults = tuple(faults)
        self.hint = hint
        super().__init__(summary)

    def lines(self) -> tuple[str, ...]:
        """The whole refusal: the summary, a line a fault, and how to mend it."""
        shown = [f"  - {fault.text()}" for fault in self.faults[:SHOWN_FAULTS]]
        more = [f"  and {len(self.faults) - SHOWN_FAULTS:,} more"] if len(self.faults) > SHOWN_FAULTS else []
        return (self.summary, *shown, *more, *([self.hint] if self.hint else []))

    def __str__(self) -> str:
        # What a notebook or a traceback shows of it: a summary alone does not say what to do.
        return "\n".join(self.lines())

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of its reason."""
        return self.reason.exit_code

    def __reduce__(self) -> tuple[type[StressTestError], tuple[Reason, str, tuple[Fault, ...], str]]:
        # Faults cross process borders (child readers, worker processes), so the default (args only) is not enough.
        return (StressTestError, (self.reason, self.summary, self.faults, self.hint))
