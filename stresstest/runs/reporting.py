"""Reports of a result folder: made by the run itself, or again later, without the snapshot."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import stresstest
from stresstest.errors import Fault, Reason, StressTestError
from stresstest.report.resources import templates_folder
from stresstest.results.documents import write_document
from stresstest.results.identity import code_sha256
from stresstest.results.integrity import intact
from stresstest.results.manifest import NAME as MANIFEST
from stresstest.results.manifest import Manifest, Rendering, report_hashes
from stresstest.runs.console import Console, Silent, utc_now
from stresstest.runs.folders import cannot_write, locked

REPORTS = ("html", "pdf")
"""Formats that are reports; `json` is a document that every run writes."""


@dataclass(frozen=True)
class Rendered:
    """Reports made again. `lacking`: what the machine could not give (the PDF); the HTML is there all the same."""

    result_id: str
    reports: tuple[Path, ...]
    lacking: StressTestError | None


def write_reports(
    folder: Path, manifest: Manifest, formats: Sequence[str], out: Path | None = None, templates: Path | None = None, timeout: float | None = None
) -> StressTestError | None:
    """Write `report.html` and `report.pdf`, as far as `formats` asks for them, from the tables and documents of a result folder.

    A machine that cannot make the PDF gets the HTML instead, and the refusal that says what it lacks is returned.

    Args:
        folder: the result folder.
        manifest: how the result came to be; inputs, versions, command and seed are shown.
        formats: at least one of `REPORTS`; others are left alone.
        out: where to write; default: the folder itself.
        templates: files that take the place of shipped templates of the same name.
        timeout: seconds that both may take together; None: `TIME_LIMIT`.

    Raises:
        StressTestError: input data, when a table or document is missing or damaged; configuration, when a template of the user is wrong.
    """
    from stresstest.report.pdf import TIME_LIMIT
    from stresstest.report.render import render

    limit = TIME_LIMIT if timeout is None else timeout
    return render(folder, formats, out=out, audit=manifest.model_dump(mode="json"), templates=templates, timeout=limit).lacking


def report_again(
    folder: Path,
    formats: Sequence[str] = REPORTS,
    out: Path | None = None,
    templates: Path | None = None,
    console: Console | None = None,
    *,
    command: Sequence[str] = (),
    now: Callable[[], datetime] = utc_now,
    timeout: float | None = None,
) -> Rendered:
    """Make the reports of a finished run again, from its folder alone.

    Without `out` they take the place of those in the folder and `manifest.json` is brought up to date: `reports` has their hashes, `rendered`
    says when and by which version they were made. Tables, `result.json` and so the result id stay. The manifest never
    states a hash that is not true, whenever the process ends. With `out` the folder is only read.

    Args:
        folder: the result folder.
        formats: html, pdf or both.
        out: another folder for the reports; made where it is missing; reports in it are replaced.
        templates: a folder of templates that take the place of shipped ones of the same name.
        console: told of the stages.
        command: kept in the manifest.
        now: the clock.
        timeout: seconds that the reports may take; None: 120, long enough for any book on a machine that is not overloaded.

    Raises:
        StressTestError: input data, when the folder is no finished run or was changed since (see `results.integrity`); usage, when `out` is
            the folder of another run or no folder, or when there are no such templates; locked, when a run is writing the folder;
            environment, when it cannot be written.
    """
    console = console or Silent()
    folder = folder.resolve()  # the lock is that of the folder itself, not of a link to it
    target = folder if out is None else out.resolve()
    _check_places(folder, target, templates)
    with console.stage("checking"):
        manifest, stated = intact(folder)
    with locked(target):
        work = target.parent / f".{target.name}.report"
        try:
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            with console.stage("report"):
                lacking = write_reports(folder, manifest, formats, work, templates, timeout)
            rendering = Rendering(finished=now().isoformat(), command=tuple(command), version=stresstest.__version__, code=code_sha256())
            made = _publish(work, target, manifest.model_copy(update={"rendered": rendering}) if target == folder else None)
        except OSError as error:
            raise cannot_write(target, error) from error
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return Rendered(stated.result_id, made, lacking)


def _check_places(folder: Path, target: Path, templates: Path | None) -> None:
    faults = []
    if target != folder and (target / MANIFEST).exists():
        faults.append(
            Fault("is the folder of another run, whose manifest would not be true any more", "Give --out another folder.", file=str(target))
        )
    elif target != folder and target.exists() and not target.is_dir():
        faults.append(Fault("is not a folder", "Give --out a folder.", file=str(target)))
    if templates is not None:
        shipped = sorted(file.name for file in templates_folder().iterdir() if file.is_file())
        hint = f"Give --templates a folder with one or more of {', '.join(shipped)}."
        if not templates.is_dir():
            faults.append(Fault("no such folder", hint, file=str(templates)))
        elif not any((templates / name).is_file() for name in shipped):
            faults.append(Fault("holds no template of the report", hint, file=str(templates)))
    if faults:
        raise StressTestError(Reason.USAGE, "the reports cannot be made as asked", faults)


def _publish(work: Path, target: Path, manifest: Manifest | None) -> tuple[Path, ...]:
    """Move finished reports into their folder; where it is that of the run, its manifest first forgets the old ones and then knows the new."""
    made = sorted(work.iterdir())
    if manifest is not None:
        kept = {name: digest for name, digest in manifest.reports.items() if name not in [file.name for file in made]}
        _replace_manifest(manifest.model_copy(update={"reports": kept}), work, target)
    target.mkdir(exist_ok=True)
    for file in made:
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
        file.replace(target / file.name)
    if manifest is not None:
        _replace_manifest(manifest.model_copy(update={"reports": report_hashes(target)}), work, target)
    return tuple(target / file.name for file in made)


def _replace_manifest(manifest: Manifest, work: Path, target: Path) -> None:
    write_document(manifest, work / MANIFEST).replace(target / MANIFEST)
