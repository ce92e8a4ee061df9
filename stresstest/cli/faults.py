"""How a refusal looks: one line that says what, a paragraph a fault, and how to mend it."""

from __future__ import annotations

import sys

from stresstest.cli.output import printable, without_secrets_in
from stresstest.errors import Fault, StressTestError


def error_text(error: StressTestError) -> str:
    """The whole refusal as text for a person."""
    first, *others = error.lines()
    return "".join(printable(without_secrets_in(line)) + "\n" for line in (f"{error.reason.label}: {first}", *others))


def print_error(error: StressTestError) -> None:
    """Print a refusal on stderr."""
    sys.stderr.write(error_text(error))


def error_document(error: StressTestError) -> dict[str, object]:
    """The refusal as data: reason, exit code and every fault."""
    return {
        "reason": error.reason.label,
        "exit_code": int(error.exit_code),
        "summary": without_secrets_in(error.summary),
        "hint": error.hint,
        "faults": [fault_document(fault) for fault in error.faults],
    }


def fault_document(fault: Fault) -> dict[str, object]:
    """A fault as data: what it knows, and nothing that it does not."""
    known = {name: value for name, value in vars(fault).items() if value not in (None, "", ())}
    return {name: without_secrets_in(value) if isinstance(value, str) else value for name, value in known.items()}
