"""The scenario libraries that come with the package: `library:NAME` wherever a scenario file may be named."""

from __future__ import annotations

from pathlib import Path

from stresstest.documents import suggest
from stresstest.errors import Fault, Reason, StressTestError

PREFIX = "library:"
FOLDER = Path(__file__).with_name("library")


def libraries() -> tuple[str, ...]:
    """The names of the shipped libraries, in alphabetical order."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.yaml")))


def library_name(given: Path | str) -> str | None:
    """NAME of `library:NAME`; None for anything else."""
    text = str(given)
    return text.removeprefix(PREFIX) if text.startswith(PREFIX) else None


def file_of(given: Path | str) -> Path:
    """The file behind an entry of `scenarios`: that of the library, or the path itself.

    Raises:
        StressTestError: reason SCENARIO, no library of that name; the hint names those that there are.
    """
    name = library_name(given)
    if name is None:
        return Path(given)
    if name in libraries():
        return FOLDER / f"{name}.yaml"
    hint = suggest(name, list(libraries()), "Libraries")
    fault = Fault(f"there is no scenario library `{name}`", hint, file=str(given))
    raise StressTestError(Reason.SCENARIO, "a scenario library is not there", [fault])
