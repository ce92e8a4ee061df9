"""inputs/: what a run was asked, beside its answer, so that later commands never need the originals."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from stresstest.config import RunFile
from stresstest.config.impact import TableImpact
from stresstest.errors import Fault
from stresstest.margin.rulebook import Rulebook
from stresstest.results.manifest import without_secrets
from stresstest.results.store import link, sha256_of
from stresstest.scenarios.scenario_set import ScenarioSet
from stresstest.scenarios.shipped import file_of

FOLDER = "inputs"
RUN = "run.json"
RUN_AS_GIVEN = "run.yaml"
MARGIN_WRITTEN_OUT = "margin.json"
"""The margin file with its presets written out, so that it means the same under any release."""
SNAPSHOT = "snapshot"
"""Folder of the snapshot where it was given as frames: nobody else has its files."""


def copy_documents(folder: Path, settings: RunFile, rulebook: Rulebook, run_file: Path | None) -> None:
    """Copy run file (as it is), scenario and margin files and depth tables into `inputs/` of a result folder, before anybody edits them again.

    A margin file with presets is copied as `margin_as_given`, beside one in which they are written out.
    """
    inputs = folder / FOLDER
    inputs.mkdir()
    scenarios = zip(map(file_of, settings.scenarios), _copies(settings.scenarios), strict=True)
    depths = ((Path(original), copy) for original, copy in _depth_copies(settings).items())
    for original, copy in (*scenarios, *depths):
        (inputs / copy).parent.mkdir(parents=True)
        shutil.copyfile(original, inputs / copy)
    if run_file is not None and run_file.is_file():  # a pipe can be read once only
        _copy_run_file(run_file, inputs / RUN_AS_GIVEN, settings)
    from_preset = any(model.preset is not None for model in rulebook.models.values())
    shutil.copyfile(settings.margin, inputs / f"{'margin_as_given' if from_preset else 'margin'}{Path(settings.margin).suffix}")
    if from_preset:
        content = rulebook.model_dump(mode="json", by_alias=True)
        (inputs / MARGIN_WRITTEN_OUT).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


_NOTIFY_BLOCK = re.compile(r"""^(?P<quote>["']?)notify(?P=quote)[ \t]*:.*(?:\n(?:[ \t#-].*)?)*""", re.MULTILINE)
"""The top-level key `notify` with everything below it: indented lines, entries of a list, comments, empty lines."""


def _copy_run_file(run_file: Path, target: Path, settings: RunFile) -> None:
    """Copy a run file without the addresses of `notify`, which are secrets; where they cannot be cut out, it is not copied: `run.json` says all."""
    secrets = [each.get_secret_value() for each in settings.notify.urls]
    text = run_file.read_bytes()
    if b"notify" in text:
        cut = _NOTIFY_BLOCK.sub("# notify: left out, addresses are secrets\n", text.decode("utf-8", "replace"))
        text = cut.encode()
    if any(secret.encode() in text for secret in secrets) or (b"notify" in text and text.lstrip().startswith(b"{")):
        return
    target.write_bytes(text)


def copy_snapshot(folder: Path, snapshot: Path) -> None:
    """Keep a snapshot that was given as frames beside the documents, so that the run can be explained for as long as it is there."""
    kept = folder / FOLDER / SNAPSHOT
    kept.mkdir()
    for file in snapshot.iterdir():
        link(file, kept / file.name)


def write_run(folder: Path, settings: RunFile, scenarios: ScenarioSet, unmatched: pl.DataFrame, as_of: datetime, currency: str) -> None:
    """Write the resolved scenarios and `run.json`: the run file with flags, environment and the snapshot's own defaults applied.

    `unmatched` are the shocks that match nothing in the book (`scenario_id`, `ord`), which the report does not put into words.
    Its scenario and margin files are the copies beside it, so it is itself a run file.
    """
    inputs = folder / FOLDER
    scenarios.frame().write_parquet(inputs / "scenarios.parquet")
    if not unmatched.is_empty():
        unmatched.write_parquet(inputs / "unmatched_shocks.parquet")
    # A run of the copy is a second look at this one, and no further run of the book. Sections that mean something by being stated (resources of
    # zero, tables that are asked for) are not, where nobody stated them.
    unstated = {"resources", "statistics", "attribution", "reverse"} - settings.model_fields_set
    content = settings.model_dump(mode="json", exclude_none=True, exclude={"history", "against", *unstated})
    snapshot = SNAPSHOT if (inputs / SNAPSHOT).is_dir() else without_secrets(settings.snapshot)
    content |= {"as_of": as_of.isoformat(), "reporting_currency": currency, "snapshot": snapshot}
    content |= {
        "scenarios": _copies(settings.scenarios),
        "margin": _margin_copy(inputs, settings),
        "output": {"formats": content["output"]["formats"]},
    }
    for impact in content.get("cascade", {}).get("impact", ()):
        if "table" in impact:
            impact["table"] = _depth_copies(settings)[impact["table"]]
    (inputs / RUN).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def document_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of the copies in `inputs/` of a result folder, by their path in it; a snapshot has hashes of its own."""
    inputs = folder / FOLDER
    files = sorted(file for file in inputs.rglob("*") if file.is_file())
    return {file.relative_to(inputs).as_posix(): sha256_of(file) for file in files if inputs / SNAPSHOT not in file.parents}


def changed_documents(folder: Path, stated: Mapping[str, str]) -> list[Fault]:
    """A fault for every copy in `inputs/` that is not as its run left it. `stated`: the hashes of the run's manifest."""
    now = document_hashes(folder)
    return [
        Fault(
            "is missing" if name not in now else "was changed after the run: its SHA-256 is not that of the manifest",
            "Take the folder from a backup, or run the stress test again.",
            file=str(folder / FOLDER / name),
        )
        for name, digest in sorted(stated.items())
        if now.get(name) != digest
    ]


def _margin_copy(inputs: Path, settings: RunFile) -> str:
    return MARGIN_WRITTEN_OUT if (inputs / MARGIN_WRITTEN_OUT).is_file() else f"margin{Path(settings.margin).suffix}"


def _depth_copies(settings: RunFile) -> dict[str, str]:
    """Names of the copies of depth tables by their paths."""
    impacts = () if settings.cascade is None else settings.cascade.impact
    tables = list(dict.fromkeys(each.table for each in impacts if isinstance(each, TableImpact)))
    return {path: _name("depth", number, Path(path)) for number, path in enumerate(tables, start=1)}


def _copies(originals: Sequence[str]) -> list[str]:
    """Names of the copies."""
    return [_name("scenarios", number, file_of(path)) for number, path in enumerate(originals, start=1)]


def _name(kind: str, number: int, file: Path) -> str:
    """Under its own name, which stands for a set that has none, and in the sources of parameters; in a numbered folder, because order matters and
    two files may have one name.
    """
    return f"{kind}/{number:02d}/{file.name}"
