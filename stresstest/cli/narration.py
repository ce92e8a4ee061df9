"""What a command tells while it works: people on the terminal, machines in the log file."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from stresstest import __version__
from stresstest.cli.faults import fault_document
from stresstest.cli.log import LogFile
from stresstest.cli.output import without_addresses
from stresstest.cli.terminal import Terminal
from stresstest.errors import ExitCode, StressTestError
from stresstest.runs.console import Advance


class Narrator:
    """A `Console` that tells the terminal and, where there is one, the log file.

    `figures`: what the last line of the log says beside the exit code. `at_end`: told the exit code, and what was refused if anything was,
    before that line.
    """

    def __init__(self, terminal: Terminal, log: LogFile | None) -> None:
        self._terminal = terminal
        self._log = log
        self._stages: list[str] = []
        self.figures: dict[str, Any] = {}
        self.at_end: Callable[[int, StressTestError | None], None] = lambda _code, _refused: None

    def note(self, text: str) -> None:
        """Something worth knowing that needs no action."""
        self._terminal.note(text)
        self._write("info", text)

    def announce(self, text: str) -> None:
        """Why nothing will be seen for a while; also for a log that nobody watches."""
        self._terminal.announce(text)
        self._write("info", text)

    def warn(self, text: str) -> None:
        """Something to look at; the run goes on."""
        self._terminal.warn(text)
        self._write("warning", text)

    def alarm(self, text: str) -> None:
        """Something that nobody may miss, because it is what others rely on to be told; the run is what it is."""
        self._terminal.warn(text, always=True)
        self._write("warning", text)

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Advance]:
        """A stage: two lines in the log, the second with its seconds and units."""
        started, done = time.perf_counter(), 0
        self._stages.append(name)
        self._write("info", "begins", {} if total is None else {"units": total})
        message = "broken off"
        try:
            with self._terminal.stage(name, total) as advance:

                def count(units: int) -> None:
                    nonlocal done
                    done += units
                    advance(units)

                yield count
            message = "ends"
        finally:
            figures: dict[str, Any] = {"seconds": round(time.perf_counter() - started, 3)}
            self._write("info", message, figures if total is None else figures | {"units": done})
            self._stages.pop()

    def end(self, code: int) -> None:
        """The last line: how the command left."""
        self._write("info" if code == ExitCode.DONE else "error", "ends", {"exit_code": int(code), **self.figures})

    def refuse(self, error: StressTestError) -> None:
        """What was refused, and a line for every fault."""
        self._write("error", f"{error.reason.label}: {error.summary}", {"hint": error.hint} if error.hint else {})
        for fault in error.faults:
            self._write("error", fault.text(), fault_document(fault))

    def fail(self, message: str) -> None:
        """An ending that is no refusal."""
        self._write("error", message)

    def _write(self, level: Any, message: str, figures: dict[str, Any] | None = None) -> None:
        if self._log is not None:
            self._log.write(level, message, self._stages[-1] if self._stages else None, figures)


@contextmanager
def narration(command: str, quiet: bool, verbose: bool, log_file: Path | None) -> Iterator[Narrator]:
    """Somebody to tell things to while a command works; the log file learns how it ended, whatever that is.

    Raises:
        typer.BadParameter: `quiet` and `verbose`.
        StressTestError: environment, when the log file cannot be written.
    """
    if quiet and verbose:
        raise typer.BadParameter("--quiet and --verbose exclude each other", param_hint="-q, -v")
    log = None if log_file is None else LogFile(log_file, command)
    narrator = Narrator(Terminal(quiet, verbose), log)
    if log is not None:
        log.write("info", "begins", figures={"words": [without_addresses(word) for word in sys.argv[1:]], "version": __version__})
    code: int = ExitCode.DONE
    refused: StressTestError | None = None
    try:
        yield narrator
    except typer.Exit as ended:
        code = ended.exit_code
        raise
    except StressTestError as error:
        code, refused = error.exit_code, error
        narrator.refuse(error)
        raise
    except typer.TyperException as error:
        code = ExitCode.CONFIGURATION
        narrator.fail(error.format_message())
        raise
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
        narrator.fail("interrupted")
        raise
    except Exception as error:
        # Told to the log and raised again: the entry point turns it into its exit code.
        code = ExitCode.INTERNAL
        narrator.fail(f"internal error: {type(error).__name__}: {error}")
        raise
    finally:
        narrator.at_end(code, refused)
        narrator.end(code)
        if log is not None:
            log.close()
