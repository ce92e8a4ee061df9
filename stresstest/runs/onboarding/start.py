"""Writes the first files of a new user, all of them or none."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.runs.folders import cannot_write
from stresstest.runs.onboarding import margin_text, run_text, scenario_text
from stresstest.runs.onboarding.margin_text import margin_draft
from stresstest.runs.onboarding.placeholders import STABLECOIN, Kinds, kinds
from stresstest.runs.onboarding.run_text import frame, run_draft
from stresstest.runs.onboarding.scenario_text import scenario_draft
from stresstest.runs.onboarding.yaml_text import Draft, listed
from stresstest.snapshot.survey import Survey, survey

RUN_FILE = run_text.NAME
EXAMPLE = "snapshot.sql"
SNAPSHOT = "snapshot"
FILES = (RUN_FILE, margin_text.NAME, scenario_text.NAME)


@dataclass(frozen=True)
class Open:
    """Something that only the user knows: the file (or `snapshot`) and what it is, in words."""

    file: str
    what: str


@dataclass(frozen=True)
class Started:
    """What was written. `open` lists what is a guess until the user sets it."""

    folder: Path
    files: tuple[Path, ...]
    snapshot: str
    open: tuple[Open, ...]

    @property
    def run_file(self) -> Path:
        """The run file."""
        return self.folder / RUN_FILE

    def document(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "run_file": str(self.run_file),
            "files": [str(file) for file in self.files],
            "snapshot": self.snapshot,
            "open": [vars(each) for each in self.open],
        }


def start(folder: Path, from_snapshot: str | None = None, *, force: bool = False) -> Started:
    """Write run file, margin file and scenario file for a snapshot, or for an example snapshot that is written beside them.

    Args:
        folder: where to; made if it is not there.
        from_snapshot: folder of a snapshot, or URL; None = write the example.
        force: replace files that are there.

    Raises:
        StressTestError: USAGE, naming the files that are there; INPUT_DATA, where the snapshot cannot be read; ENVIRONMENT, where the folder
            cannot be written.
    """
    _refuse_to_overwrite(folder, example=from_snapshot is None, force=force)
    try:
        return _written(folder, from_snapshot)
    except OSError as error:
        raise cannot_write(folder, error, "the files") from error


def _written(folder: Path, from_snapshot: str | None) -> Started:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as made:
        draft_folder = Path(made)
        if from_snapshot is None:
            _write_example(draft_folder)
            drafts, todo = _drafts(str(draft_folder / SNAPSHOT), SNAPSHOT)
            todo = (Open(EXAMPLE, "the rows of the made-up example: put yours in their place"), *todo)
        else:
            drafts, todo = _drafts(from_snapshot, _as_seen_from(folder, from_snapshot))
        for draft in drafts:
            (draft_folder / draft.name).write_text(draft.text, encoding="utf-8")
        written = _move_into(folder, draft_folder)
    return Started(folder, written, from_snapshot or str(folder / SNAPSHOT), todo)


def _refuse_to_overwrite(folder: Path, *, example: bool, force: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise StressTestError(Reason.USAGE, "nothing was written", [Fault("this is a file", "Name a folder.", file=str(folder))])
    targets = [folder / name for name in (*FILES, *((EXAMPLE, SNAPSHOT) if example else ()))]
    there = [Fault("is there already", file=str(target)) for target in targets if target.exists()]
    if there and not force:
        raise StressTestError(Reason.USAGE, "nothing was written", there, "Choose another folder, or add --force to replace them.")


def _move_into(folder: Path, made: Path) -> tuple[Path, ...]:
    folder.mkdir(exist_ok=True)
    written = []
    for source in sorted(made.iterdir(), key=lambda path: (path.name != RUN_FILE, path.name)):
        target = folder / source.name
        if source.is_dir():
            # The example's tables and no others: what else lies in a folder of that name stays.
            target.mkdir(exist_ok=True)
            for file in source.iterdir():
                file.replace(target / file.name)
        else:
            source.replace(target)
        written.append(target)
    return tuple(written)


def _write_example(folder: Path) -> None:
    """The example's SQL, and the snapshot that it writes."""
    text = files("stresstest.runs.onboarding").joinpath(EXAMPLE).read_text(encoding="utf-8")
    (folder / EXAMPLE).write_text(text, encoding="utf-8")
    (folder / SNAPSHOT).mkdir()
    with duckdb.connect() as connection:
        connection.execute(text.replace(f"'{SNAPSHOT}/", "'" + str(folder / SNAPSHOT).replace("'", "''") + "/"))


def _as_seen_from(folder: Path, snapshot: str) -> str:
    """How the run file names the snapshot: relative where it is near, so that both can be moved together."""
    if "://" in snapshot:
        return snapshot
    path = Path(snapshot).expanduser().absolute()
    near = Path(os.path.relpath(path, folder.absolute()))
    return str(path) if near.parts[:2] == ("..", "..") else near.as_posix()


def _drafts(snapshot: str, shown: str) -> tuple[list[Draft], tuple[Open, ...]]:
    found = survey(snapshot if "://" in snapshot else str(Path(snapshot).expanduser()))
    stated = frame(found)
    of = kinds(found, stated.reporting_currency)
    drafts = [run_draft(shown, stated, found.latest_price is not None and not found.untimed), margin_draft(found, of), scenario_draft(found, of)]
    to_set = [Open(draft.name, what) for draft in drafts for what in draft.to_set]
    return drafts, (*to_set, *(Open("snapshot", what) for what in _missing_in_the_snapshot(found, of)))


def _missing_in_the_snapshot(found: Survey, of: Kinds) -> list[str]:
    """What no file beside the snapshot can make good."""
    assets = found.assets
    bare = assets.filter((pl.col("held") | pl.col("pays")) & pl.col("collateral_schedule").is_null() & (pl.col("asset") != of.reporting_currency))
    unclassed = assets.filter((pl.col("held") | pl.col("underlies")) & pl.col("asset_class").is_null() & (pl.col("asset") != of.reporting_currency))
    untagged = assets.filter((pl.col("asset_class") == STABLECOIN) & ~pl.col("tags").list.contains(STABLECOIN))
    missing = [
        (bare["asset"].to_list(), "assets.collateral_schedule: posted or paid in, without one (validate refuses it)"),
        (list(found.unscheduled), "instruments.margin_schedule: held, without one (validate refuses it)"),
        ([name for name in found.unlisted if name != of.reporting_currency], "assets: referred to and not listed (validate refuses it)"),
        (list(of.suspected), f"assets.tags: looks like a {STABLECOIN} and does not have the tag"),
        (untagged["asset"].to_list(), f"assets.tags: of class {STABLECOIN} without the tag {STABLECOIN}, so that `spot:*` moves it with the market"),
        (unclassed["asset"].to_list(), "assets.asset_class: without one, so that shocks by class do not reach it"),
    ]
    return [f"{what}: {listed(names)}" for names, what in missing if names]
