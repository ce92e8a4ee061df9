"""From a document and what is laid over it to a run file with every fault at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType
from typing import Any

from stresstest.config.impact import located
from stresstest.config.notify import as_section
from stresstest.config.overrides import OF_A_CALL, Override, absolute, absolute_run, section_of
from stresstest.config.run_file import RunFile, tolerance
from stresstest.documents import Document, Place, dotted, examine, expect, read_document, refusal
from stresstest.errors import Fault, Reason

USUAL_NAME = "run.yaml"
"""What run files are called where nobody calls them otherwise."""


def load_run(path: Path | str, overrides: Mapping[str, Any] | None = None) -> RunFile:
    """The run file at `path` with the overrides applied; its relative paths start at the folder of the file.

    Args:
        path: the run file.
        overrides: by dotted key, as `overrides_from` gives them; plain values are taken as they are.

    Raises:
        StressTestError: every fault with file and line, or with the flag or variable that gave the value;
            NOT_IN_THIS_VERSION where keys of features to come are all that is wrong.
    """
    document = expect(read_document(path, Reason.CONFIGURATION, usual=USUAL_NAME), "run file", Reason.CONFIGURATION)
    return _settled(_examined(document, overrides or {}), Path(path).absolute().parent, Path(path).absolute())


def settings_with(overrides: Mapping[str, Any], run: RunFile | None = None) -> RunFile:
    """Settings from values alone, or those of `run` with the overrides laid over them.

    Args:
        overrides: by dotted key, as for `load_run`; relative paths start at the working directory.
        run: the settings to begin with; None: the defaults.

    Raises:
        StressTestError: every fault, with the override that gave the value.
    """
    data = {} if run is None else run.model_dump(mode="json", exclude_unset=True)
    return _settled(_examined(Document(data, "", "the call"), overrides), Path.cwd(), None if run is None else run.file)


def _settled(run: RunFile, folder: Path, file: Path | None) -> RunFile:
    """The settings with absolute paths, where relative ones start at `folder`, that know the file they come from."""
    settled = run.model_copy(
        update={
            "snapshot": absolute(run.snapshot, folder),
            "scenarios": tuple(absolute(each, folder) for each in run.scenarios),
            "margin": absolute(run.margin, folder),
            "history": absolute(run.history, folder),
            "against": absolute_run(run.against, folder),
            "metrics": absolute(run.metrics, folder),
            "cascade": run.cascade
            and run.cascade.model_copy(update={"impact": located(run.cascade.impact, lambda table: str(absolute(table, folder)))}),
            "output": run.output.model_copy(update={"folder": absolute(run.output.folder, folder)}),
        }
    )
    settled._file = file  # noqa: SLF001 - our own model
    return settled


def _examined(document: Document, overrides: Mapping[str, Any]) -> RunFile:
    given = {key: each if isinstance(each, Override) else Override(each, "override") for key, each in overrides.items()}
    data = {} if document.data is None and given else document.data
    faults: list[Fault] = []
    if isinstance(data, dict):
        data, faults = _overridden(data, given)
    run, problems = examine(RunFile, data)
    faults += [_fault(document, given, each.place, each.what, each.hint) for each in problems]
    if run is None or faults:
        what = document.file if all(fault.file == document.file for fault in faults) else f"{document.file} with the settings laid over it"
        raise refusal(what, Reason.CONFIGURATION, [] if len(faults) > len(problems) else problems, faults)
    return run


def _fault(document: Document, given: Mapping[str, Override], place: Place, what: str, hint: str) -> Fault:
    for length in range(len(place), 0, -1):
        key = dotted(place[:length])
        if key in given:
            return _of_override(given[key], what, hint, dotted(place))
    whole = dotted(place)
    for key, each in given.items():
        if key.startswith(f"{whole}.") and not (isinstance(document.data, dict) and place[0] in document.data):
            return _of_override(each, what, hint, whole)  # a section that is only there because one of its keys was given
    return Fault(what, hint, file=document.file, line=document.line(place) if document.text else None, path=whole or None)


def _of_override(override: Override, what: str, hint: str, path: str) -> Fault:
    """The fault of a value that was laid over the file; `--set KEY` says the path already."""
    return Fault(what, hint, file=override.origin, path=None if override.origin.endswith(f" {path}") else path)


def _overridden(data: dict[str, Any], given: Mapping[str, Override]) -> tuple[dict[str, Any], list[Fault]]:
    """The data with the overrides in their places, and a fault for each that has none."""
    data = dict(data)
    faults = []
    for key in sorted(given, key=lambda key: key.count(".")):
        *parents, last = key.split(".")
        if parents and _is_whole(parents[0]):
            what, hint = f"`{parents[0]}` has no keys of its own", f"Give it whole: `stresstest schema run` says what `{parents[0]}` may be."
            faults.append(_of_override(given[key], what, hint, key))
            continue
        part = data
        for parent in parents:
            below = part.get(parent)
            below = _AS_SECTIONS[parent](below) if parent in _AS_SECTIONS else below
            if not isinstance(below, (dict, NoneType)):
                break  # left as it is, and refused as it is
            # Copied, so that the document (which reports lines) keeps what the file says.
            part[parent] = dict(below or {})
            part = part[parent]
        else:
            stated = isinstance(part.get(last), dict) and given[key] == Override({}, OF_A_CALL)
            part[last] = part[last] if stated else given[key].value
    return data, faults


_AS_SECTIONS: Mapping[str, Callable[[object], object]] = {"reconciliation_tolerance": tolerance, "notify": as_section}
"""Sections that may also be written as one value."""


def _is_whole(key: str) -> bool:
    """A key of the run file that is no section (and not one to come either)."""
    info = RunFile.model_fields.get(key)
    return info is not None and info.annotation is not Any and section_of(info.annotation) is None
