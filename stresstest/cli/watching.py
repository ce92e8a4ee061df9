"""The settings of a run whose end is told to those that they name, also where the settings themselves are refused."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stresstest.cli.settings import load
from stresstest.config import ENVIRONMENT_PREFIX, overrides_from
from stresstest.errors import StressTestError
from stresstest.runs.operators.watch import Operators, Watch, check_operators, operators_despite_faults

if TYPE_CHECKING:
    from stresstest.cli.narration import Narrator
    from stresstest.config import RunFile

_KEYS = ("metrics", "book", "name")


def watched(run_file: Path, flags: Mapping[str, Any], sets: Sequence[str], narrator: Narrator, *, tells: bool) -> tuple[RunFile, Watch]:
    """The settings of a run, and its watch, which the narrator asks to tell how the run ended; nobody is told where not `tells`.

    Raises:
        StressTestError: every fault of the settings, and what keeps this machine from telling whom they name.
    """
    watch = Watch()

    def tell(exit_code: int, refused: StressTestError | None) -> None:
        for line in watch.tell(exit_code, refused):
            narrator.alarm(line)

    if tells:
        narrator.at_end = tell
    try:
        settings = load(run_file, flags, sets)
    except StressTestError:
        watch.operators = _despite_faults(run_file, flags)
        raise
    watch.of(settings)
    check_operators(settings)
    return settings, watch


def _despite_faults(run_file: Path, flags: Mapping[str, Any]) -> Operators:
    """From the flags and variables that name them, and from what can be understood of the run file."""
    variables = {ENVIRONMENT_PREFIX + key.upper() for key in (*_KEYS, "notify", "notify_urls", "notify_on")}
    environment = {name: value for name, value in os.environ.items() if name in variables}
    try:
        overrides = overrides_from(environment, {key: flags.get(key) for key in _KEYS}, [], Path.cwd())
    except StressTestError:
        overrides = {}
    return operators_despite_faults(run_file, overrides)
