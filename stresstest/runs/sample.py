"""Where the shipped sample data is: inside the installed package, else beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

from stresstest.errors import Fault, Reason, StressTestError

RUN_FILE = "run.yaml"


def sample_folder() -> Path:
    """The folder of the sample book, with its `run.yaml`.

    Raises:
        StressTestError: environment, when the installation has none.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "_sample_data", package.parent / "sample_data"):
        if (folder / RUN_FILE).is_file():
            return folder
    fault = Fault(f"no {RUN_FILE} inside or beside the package", "Install the package again: pip install --force-reinstall stresstest.")
    raise StressTestError(Reason.ENVIRONMENT, "the sample data is missing", [fault])
