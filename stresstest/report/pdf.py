"""The report as PDF: the same HTML, laid out by WeasyPrint in a child process with a time limit.

A child, because a layout can loop or eat memory and a page's memory is not given back; it is killed when the time is up. It can load
nothing: every address but `data:` is refused.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from stresstest.errors import ExitCode, Fault, Reason, StressTestError

APT_LINE = "apt-get install -y libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz0b libharfbuzz-subset0 libfontconfig1"
"""What WeasyPrint needs beside Python, on Debian and Ubuntu."""

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]


_SCREEN_ONLY = re.compile("<!--screen-->.*?<!--/screen-->", re.DOTALL)
"""What the template marks as of no use on paper (further rows, script): layout time grows with every cell. Data is escaped, so it holds no mark."""


def render_pdf(html: str, target: Path, timeout: float = 120.0) -> Path:
    """Write the HTML as PDF to `target`, whole or not at all; the same HTML gives the same bytes.

    Args:
        html: what `render_html` gave.
        target: the file to write; its folder exists.
        timeout: wall-clock limit in seconds, after which the child is killed.

    Raises:
        StressTestError: (environment) when Pango is missing, the time is up, or the child was killed.
        RuntimeError: when the child failed in a way that is our fault.
    """
    with tempfile.TemporaryDirectory(prefix=".report-", dir=target.parent) as folder:
        source, drawn = Path(folder) / "report.html", Path(folder) / "report.pdf"
        source.write_text(_SCREEN_ONLY.sub("", html), encoding="utf-8")
        paths = [str(_PACKAGE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        command = [sys.executable, "-m", "stresstest.report.pdf", str(source), str(drawn)]
        try:
            done = subprocess.run(  # noqa: S603  (our own interpreter and module)
                command,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as expired:
            raise _refused(f"the PDF was not finished in {timeout:g} seconds", "Raise the time limit, or leave pdf out of the formats.") from expired
        if done.returncode == 0:
            drawn.replace(target)
            return target
        if done.returncode == ExitCode.ENVIRONMENT:
            raise _refused(f"WeasyPrint cannot load its system libraries ({done.stderr.splitlines()[-1]})", f"On Debian or Ubuntu: {APT_LINE}")
        if done.returncode < 0:
            name = signal.Signals(-done.returncode).name
            raise _refused(f"the PDF's process was ended by {name}", "The machine may be short of memory; leave pdf out of the formats.")
        raise RuntimeError(f"the PDF's process failed with exit code {done.returncode}:\n{done.stderr[-4000:]}")


def _refused(what: str, hint: str) -> StressTestError:
    return StressTestError(Reason.ENVIRONMENT, "the PDF was not written; report.html was", [Fault(what, hint)])


def _child(source: Path, target: Path) -> None:
    try:
        import weasyprint
    except OSError as error:  # not ImportError: a library of the system is missing. The banner it prints goes to our own, unread, stdout.
        sys.stderr.write(f"\n{str(error).splitlines()[0]}\n")
        raise SystemExit(int(ExitCode.ENVIRONMENT)) from None
    fetcher = weasyprint.urls.URLFetcher(allowed_protocols=("data",))
    document = weasyprint.HTML(string=source.read_text(encoding="utf-8"), url_fetcher=fetcher, media_type="print")
    document.write_pdf(target)


if __name__ == "__main__":
    _child(Path(sys.argv[1]), Path(sys.argv[2]))
