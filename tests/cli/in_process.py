"""The command in this process: its imports, the better part of a short command, are paid once."""

from __future__ import annotations

import signal
from collections.abc import Sequence

import pytest


def exit_code(words: Sequence[str]) -> int:
    """What `stresstest WORDS` leaves with; the handlers of signals that it sets are taken back."""
    from stresstest.cli.main import main

    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)}
    try:
        with pytest.MonkeyPatch.context() as patched, pytest.raises(SystemExit) as ended:
            patched.setattr("sys.argv", ["stresstest", *words])
            main(list(words))
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    code = ended.value.code
    assert isinstance(code, int)
    return code
