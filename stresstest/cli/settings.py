"""From flags and environment to a run file with everything applied."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stresstest.config import Override, RunFile

OF_THE_COMMAND = frozenset({"STRESSTEST_DEBUG", "STRESSTEST_FAIL_ON", "STRESSTEST_LOG_FILE", "STRESSTEST_OUT"})
"""Variables that stand for flags which are no keys of the run file."""


def load(run_file: Path, flags: Mapping[str, Any], sets: Sequence[str] = ()) -> RunFile:
    """The run file under flags, `--set` and `STRESSTEST_*`; relative paths in those start at the working directory.

    Raises:
        StressTestError: every fault of the file and of what was laid over it.
    """
    from stresstest.config import load_run

    return load_run(run_file, laid_over(flags, sets))


def laid_over(flags: Mapping[str, Any], sets: Sequence[str]) -> dict[str, Override]:
    """Flags, `--set` and `STRESSTEST_*` by dotted key.

    Raises:
        StressTestError: every fault of theirs.
    """
    from stresstest.config import overrides_from

    environment = {name: value for name, value in os.environ.items() if name not in OF_THE_COMMAND}
    return overrides_from(environment, flags, list(sets), Path.cwd())
