"""The entry point: parses, runs one command, turns every ending into its exit code.

Commands import what they need when they run, so that `--help` answers at once.
"""

from __future__ import annotations

import atexit
import errno
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import CodeType, FrameType
from typing import Annotated, NoReturn

import typer

from stresstest.cli import (
    compare_margins,
    demo,
    diff,
    doctor,
    explain,
    history,
    init,
    margins,
    report,
    reverse,
    run,
    scenarios,
    schema,
    validate,
    verify,
)
from stresstest.cli.completion import with_whole_words
from stresstest.cli.faults import error_document, print_error
from stresstest.cli.misuse import usage_text
from stresstest.cli.output import print_document, printable, without_secrets_in
from stresstest.errors import ExitCode, Fault, Reason, StressTestError

app = typer.Typer(
    name="stresstest",
    help="Stress-test cross-margined portfolios: which margin accounts fall short, in which scenario, and by how much.",
    epilog="Start with `stresstest demo`; check an installation with `stresstest doctor`.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
run.register(app)
demo.register(app)
init.register(app)
validate.register(app)
explain.register(app)
reverse.register(app)
compare_margins.register(app)
diff.register(app)
report.register(app)
history.register(app)
verify.register(app)
scenarios.register(app)
margins.register(app)
schema.register(app)
doctor.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        from stresstest import __version__

        typer.echo(f"stresstest {__version__}")
        raise typer.Exit


@app.callback()
def _stresstest(version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)] = False) -> None:
    del version


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with an exit code of `ExitCode`."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    os.environ.update(with_whole_words(os.environ))
    # Looked up here and not in the command: an error may come before a command has parsed its flags.
    debug = "--debug" in words or os.environ.get("STRESSTEST_DEBUG", "") not in ("", "0")
    # A terminated run ends as an interrupted one: it leaves its work folder and resumes. A signal that the caller has us ignore
    # (nohup, `&` in a script) stays ignored.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    signal.signal(signal.SIGALRM, _interrupt)
    code = _exit_code(words, debug)
    if arguments is None:
        _leave(code)
    sys.exit(code)


def _leave(code: int) -> NoReturn:
    """End this process at once: taking the values of ten million positions apart, one by one, takes a third of a second.

    Clean-ups are run and output is written first. What cannot be written (the reader went away, the disk is full) has been told by now.
    """
    atexit._run_exitfuncs()  # noqa: SLF001 - what the ordinary way out does, without what comes after it
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with suppress(OSError):
            stream.flush()
    os._exit(code)


_AGAIN_AFTER = 0.02
"""Seconds until an interruption that came at the wrong moment is tried again."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Interrupt what runs, but never inside an import or the start of a process.

    An extension module (DuckDB) that is broken off half-way ends this process with a traceback; a process whose start is broken off is known to
    nobody, and so ended by nobody.
    """
    del number
    while frame is not None:
        if _must_finish(frame.f_code):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_AFTER)  # the alarm comes here again
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def _must_finish(code: CodeType) -> bool:
    starts = code.co_name in ("__init__", "_execute_child") and code.co_filename.endswith("subprocess.py")
    return starts or code.co_filename.startswith("<frozen importlib")


def _exit_code(words: Sequence[str], debug: bool) -> int:
    try:
        code = int(app(list(words), standalone_mode=False) or 0)
        with suppress(BrokenPipeError):  # the reader went away
            print(end="", flush=True)  # here, where a disk that is full can still be told
        # Typer turns an interrupted command into this code and says nothing.
        return _refused(_INTERRUPTED, words) if code == ExitCode.INTERRUPTED else code
    except StressTestError as error:
        if debug:
            raise
        return _refused(error, words)
    except typer.TyperException as error:
        return _misused(error, words)
    except (KeyboardInterrupt, typer.Abort):
        return _refused(_INTERRUPTED, words)
    except SystemExit as ended:
        # Typer's way out of a completion, whose code tells the shell whether there was any, and when the reader of our output went away (as
        # `head` does): that is no error.
        return int(ended.code or 0) if "_STRESSTEST_COMPLETE" in os.environ else ExitCode.DONE
    except Exception as error:
        # The outermost edge of the program: whatever comes here, a bug or a disk that is full, leaves without a traceback.
        if debug:
            raise
        if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
            return _refused(_disk_fails(error), words)
        return _failed(error, words)


_OF_THE_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
"""Errors of writing that no program can do anything about."""


def _disk_fails(error: OSError) -> StressTestError:
    place = "standard output, or a temporary file" if error.filename is None else str(error.filename)
    fault = Fault(error.strerror or str(error), "Free space there, or write to another place.", file=place)
    return StressTestError(Reason.ENVIRONMENT, "the output cannot be written", [fault])


def _failed(error: Exception, words: Sequence[str]) -> int:
    print(f"internal error: {type(error).__name__}: {printable(without_secrets_in(str(error)))}", file=sys.stderr)
    print(_A_BUG, file=sys.stderr)
    if "--json" in words:
        _print_ending("internal error", ExitCode.INTERNAL, f"{type(error).__name__}: {error}", _A_BUG)
    return ExitCode.INTERNAL


_INTERRUPTED = StressTestError(Reason.INTERRUPTED, "nothing half-written was left; the same command takes up where it stopped")


def _refused(error: StressTestError, words: Sequence[str]) -> int:
    print_error(error)
    if "--json" in words:
        with suppress(OSError):  # where stdout is what cannot be written
            print_document("error", error_document(error))
            sys.stdout.flush()
    return error.exit_code


_A_BUG = "This is a bug in stresstest: please report it, with what the same command and --debug say."


def _misused(error: typer.TyperException, words: Sequence[str]) -> int:
    """What is wrong with the words, and where help is; a group without a command prints its help instead."""
    text = usage_text(error)
    if text.startswith("Usage:"):
        lines = text.splitlines()
    else:
        help_of = f"See: {getattr(getattr(error, 'ctx', None), 'command_path', 'stresstest')} --help"
        lines = [*f"usage: {text}".splitlines(), help_of]
        if "--json" in words:
            _print_ending("usage", ExitCode.CONFIGURATION, text, help_of)
    print("\n".join(printable(line) for line in lines), file=sys.stderr)
    return ExitCode.CONFIGURATION


def _print_ending(reason: str, code: ExitCode, summary: str, hint: str) -> None:
    """The document of an ending that is no refusal of ours."""
    print_document("error", {"reason": reason, "exit_code": int(code), "summary": without_secrets_in(summary), "hint": hint, "faults": []})
