"""Both reports of a finished run folder in one call."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from stresstest.errors import Reason, StressTestError
from stresstest.report import pdf
from stresstest.report.children import ask, child

HTML, PDF = "report.html", "report.pdf"


@dataclass(frozen=True)
class Rendered:
    """The reports that were written. `lacking`: what the machine could not give; with it the HTML may have taken the place of the PDF."""

    written: tuple[Path, ...]
    lacking: StressTestError | None


def render(
    folder: Path,
    formats: Collection[Literal["html", "pdf"] | str] = ("html", "pdf"),
    *,
    out: Path | None = None,
    audit: Mapping[str, Any] | None = None,
    templates: Path | None = None,
    timeout: float = pdf.TIME_LIMIT,
) -> Rendered:
    """Write `report.html` and `report.pdf` of a run, as far as `formats` asks for them, from its folder alone.

    Each is made in a process of its own, within the time limit. A machine that cannot make the PDF gets the HTML in its place.

    Args:
        folder: the run folder, with its result tables, `summary.json` and `result.json`.
        formats: html, pdf or both; others are left alone.
        out: where to write; default: the folder itself.
        audit: how the run came to be, with the keys of the manifest; default: its `manifest.json`.
        templates: a folder whose files take the place of shipped templates of the same name.
        timeout: wall-clock limit in seconds for everything.

    Raises:
        StressTestError: input data, when a table or document of the run is missing or damaged; configuration, when a template is wrong.
        RuntimeError: when a child failed in a way that is our fault.
    """
    out, ends = out or folder, time.monotonic() + timeout
    asked = {"folder": str(folder), "audit": None if audit is None else dict(audit), "templates": None if templates is None else str(templates)}
    # The PDF's process loads its libraries and fonts while the other one draws the charts.
    with child("stresstest.report.html_child") as drawing, pdf.pdf_child() if "pdf" in formats else nullcontext() as laying:
        try:
            made = json.loads(ask(drawing, asked, timeout, "report"))
        except StressTestError as error:
            if error.reason is not Reason.ENVIRONMENT:
                raise
            return Rendered((), error)
        written, lacking = [], None
        if "pdf" in formats:
            attached = pdf.Attached("result.json", made["document"], made["created"])
            try:
                written.append(pdf.render_pdf(made["html"], out / PDF, attached=attached, timeout=ends - time.monotonic(), child=laying))
            except StressTestError as error:
                lacking = error
        if "html" in formats or lacking is not None:
            (out / HTML).write_text(made["html"], encoding="utf-8", newline="\n")
            written.insert(0, out / HTML)
    return Rendered(tuple(written), lacking)
