"""The report as PDF: the same HTML, laid out by WeasyPrint in a child process with a time limit.

A child, because a layout can loop or eat memory and a page's memory is not given back; it is killed when the time is up. It can load
nothing: every address but `data:` is refused.
"""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from stresstest.errors import ExitCode, Fault, Reason, StressTestError

APT_LINE = "apt-get install -y libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz0b libharfbuzz-subset0 libfontconfig1"
"""What WeasyPrint needs beside Python, on Debian and Ubuntu."""

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]


_SCREEN_ONLY = re.compile("<!--screen-->.*?<!--/screen-->", re.DOTALL)
"""What the template marks as of no use on paper (further rows, script): layout time grows with every cell. Data is escaped, so it holds no mark."""


@dataclass(frozen=True)
class Attached:
    """A text file inside the PDF; `moment` (ISO 8601) is its date, since the clock must not change the bytes."""

    name: str
    text: str
    moment: str


@contextmanager
def pdf_child() -> Iterator[subprocess.Popen[str]]:
    """The process that lays out one PDF: it loads its libraries while the caller prepares the HTML, and is gone at the end in any case."""
    paths = [str(_PACKAGE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-m", "stresstest.report.pdf"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def render_pdf(
    html: str, target: Path, *, attached: Attached | None = None, timeout: float = 120.0, child: subprocess.Popen[str] | None = None
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
        asked = {"html": _SCREEN_ONLY.sub("", html), "target": str(drawn), "attached": None if attached is None else vars(attached)}
        try:
            _, said = process.communicate(json.dumps(asked), timeout=timeout)
        except subprocess.TimeoutExpired as expired:
            raise _refused(f"the PDF was not finished in {timeout:g} seconds", "Raise the time limit, or leave pdf out of the formats.") from expired
        code = process.returncode
        if code == 0:
            drawn.replace(target)
            return target
        if code == ExitCode.ENVIRONMENT:
            raise _refused(f"WeasyPrint cannot load its system libraries ({said.splitlines()[-1]})", f"On Debian or Ubuntu: {APT_LINE}")
        if code < 0:
            name = signal.Signals(-code).name
            raise _refused(f"the PDF's process was ended by {name}", "The machine may be short of memory; leave pdf out of the formats.")
        raise RuntimeError(f"the PDF's process failed with exit code {code}:\n{said[-4000:]}")


def _refused(what: str, hint: str) -> StressTestError:
    return StressTestError(Reason.ENVIRONMENT, "the PDF was not written; report.html was", [Fault(what, hint)])


def _child() -> None:
    gc.disable()  # it lives for one document, and looking through a growing tree of boxes takes a sixth of the time
    try:
        import weasyprint
    except OSError as error:  # not ImportError: a library of the system is missing. The banner it prints goes to our own, unread, stdout.
        sys.stderr.write(f"\n{str(error).splitlines()[0]}\n")
        raise SystemExit(int(ExitCode.ENVIRONMENT)) from None
    fetcher = weasyprint.urls.URLFetcher(allowed_protocols=("data",))
    asked = json.loads(sys.stdin.buffer.read())
    attachments = []
    if asked["attached"] is not None:
        name, text, moment = (asked["attached"][key] for key in ("name", "text", "moment"))
        dated = datetime.fromisoformat(moment)
        attachments.append(weasyprint.Attachment(string=text, name=name, created=dated, modified=dated, relationship="Data"))
    document = weasyprint.HTML(string=asked["html"], url_fetcher=fetcher, media_type="print")
    document.write_pdf(asked["target"], attachments=attachments)


if __name__ == "__main__":
    _child()
