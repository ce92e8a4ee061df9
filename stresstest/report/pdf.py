"""The report as PDF: the same HTML, laid out by WeasyPrint in a child process with a time limit.

A child, because a layout can loop or eat memory and a page's memory is not given back; it is killed when the time is up. It can load
nothing: every address but `data:` is refused.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from stresstest.errors import StressTestError
from stresstest.report.children import ask, child, not_written, refuse

APT_LINE = "apt-get install -y libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz0b libharfbuzz-subset0 libfontconfig1"
"""What WeasyPrint needs beside Python, on Debian and Ubuntu."""

TIME_LIMIT = 120.0
"""Seconds after which a document is given up: a report of twenty pages takes about six on two cores."""

_DOCUMENT = "PDF"
_SCREEN_ONLY = re.compile("<!--screen-->.*?<!--/screen-->", re.DOTALL)
"""What the template marks as of no use on paper: further rows, script, fonts, which the child has. Data is escaped, so it holds no mark."""
_SCREEN_LINE = re.compile('<span class="below on-screen"[^<>]*>[^<>]*</span>')
"""Lines of cells that paper has no room for; the rows that they stand in may be marked as a whole."""
_SCREEN_ATTRIBUTE = re.compile(r' (?:data-o|data-column|data-caption|title|scope|tabindex|role|aria-label)="[^"<>]*"(?=[^<>]*>)')
_CHART = re.compile(r'<svg role="img" aria-label="([^"]*)" font-family=.*?</svg>', re.DOTALL)
_SVG_NAMESPACE = "http://www.w3.org/2000/svg"


@dataclass(frozen=True)
class Attached:
    """A text file inside the PDF; `moment` (ISO 8601) is its date, since the clock must not change the bytes."""

    name: str
    text: str
    moment: str


def pdf_child() -> AbstractContextManager[subprocess.Popen[str]]:
    """The process that lays out one PDF: it loads its libraries and fonts while the HTML is made, and is gone at the end in any case."""
    return child("stresstest.report.pdf")


def render_pdf(
    html: str, target: Path, *, attached: Attached | None = None, timeout: float = TIME_LIMIT, child: subprocess.Popen[str] | None = None
) -> Path:
    """Write the HTML as PDF to `target`, whole or not at all; the same HTML gives the same bytes.

    Args:
        html: what `render_html` gave.
        target: the file to write; its folder exists.
        attached: a file to put into the PDF.
        timeout: wall-clock limit in seconds, after which the child is killed.
        child: what `pdf_child` gave; without it one is started.

    Raises:
        StressTestError: (environment) when Pango is missing, the time is up, or the child was killed.
        RuntimeError: when the child failed in a way that is our fault.
    """
    with tempfile.TemporaryDirectory(prefix=".report-", dir=target.parent) as folder, pdf_child() if child is None else nullcontext(child) as process:
        drawn = Path(folder) / "report.pdf"
        asked = {"html": for_paper(html), "target": str(drawn), "attached": None if attached is None else vars(attached)}
        ask(process, asked, timeout, _DOCUMENT)
        drawn.replace(target)
    return target


def for_paper(html: str) -> str:
    """The HTML without what layout has no use for, since its time grows with every element and attribute.

    Charts become images: their parts are then read by the XML parser, not by the HTML parser, and no style is looked up for them.
    """
    text = _SCREEN_LINE.sub("", _SCREEN_ONLY.sub("", html))
    text = _CHART.sub(_as_image, text)
    return _SCREEN_ATTRIBUTE.sub("", text).replace("<wbr>", "\N{ZERO WIDTH SPACE}")


def _as_image(found: re.Match[str]) -> str:
    drawing = found.group().replace("<svg ", f'<svg xmlns="{_SVG_NAMESPACE}" ', 1)
    return f'<img class="drawing" alt="{found.group(1)}" src="data:image/svg+xml;base64,{base64.b64encode(drawing.encode()).decode("ascii")}">'


def lay_out(asks: Callable[[], Mapping[str, Any]]) -> None:
    """Write one document: its `html` to `target`, with the file `attached` (None: none). What it needs is loaded before it is asked for.

    Raises:
        StressTestError: (environment) when Pango is missing.
    """
    try:
        import weasyprint
        from weasyprint.text.fonts import FontConfiguration
    except OSError as error:  # not ImportError: a library of the system is missing. The banner it prints goes to our own, unread, stdout.
        lacks = f"WeasyPrint cannot load its system libraries ({str(error).splitlines()[0]})"
        raise not_written(_DOCUMENT, lacks, f"On Debian or Ubuntu: {APT_LINE}") from error
    from stresstest.report.resources import font_faces

    fonts = FontConfiguration()
    faces = weasyprint.CSS(string=font_faces(), font_config=fonts)
    fetcher = weasyprint.urls.URLFetcher(allowed_protocols=("data",))
    asked = asks()
    attachments = []
    if asked["attached"] is not None:
        name, text, moment = (asked["attached"][key] for key in ("name", "text", "moment"))
        dated = datetime.fromisoformat(moment)
        attachments.append(weasyprint.Attachment(string=text, name=name, created=dated, modified=dated, relationship="Data"))
    document = weasyprint.HTML(string=asked["html"], url_fetcher=fetcher, media_type="print")
    document.write_pdf(asked["target"], attachments=attachments, stylesheets=[faces], font_config=fonts)


def _child() -> None:
    gc.disable()  # it lives for one document, and looking through a growing tree of boxes takes a sixth of the time
    try:
        lay_out(lambda: json.loads(sys.stdin.buffer.read()))
    except StressTestError as error:
        refuse(error)
    os._exit(0)  # taking the tree of boxes apart takes time, and the end of the process does it


if __name__ == "__main__":
    _child()
