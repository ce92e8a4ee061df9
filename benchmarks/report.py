"""How long the report of a finished run takes, and where the time goes.

    python -m benchmarks.report RUN [--times 3]

HTML and PDF together as a run makes them, then the two processes one after the other: one reads the tables, draws the charts and fills in
the template, the other lays the pages out and writes them. Median wall-clock seconds.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pypdf import PdfReader

from stresstest.report.pdf import pdf_child, render_pdf
from stresstest.report.render import HTML, PDF, render


def seconds(call: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        both = seconds(lambda: render(given.run, out=out), given.times)
        html = seconds(lambda: render(given.run, ["html"], out=out), given.times)
        text = (out / HTML).read_text(encoding="utf-8")

        def lay_out() -> None:
            with pdf_child() as child:
                time.sleep(html)  # it loads its libraries while the HTML is made
                started = time.perf_counter()
                render_pdf(text, out / PDF, child=child)
                laid.append(time.perf_counter() - started)

        laid: list[float] = []
        for _ in range(given.times):
            lay_out()
        print(f"{len(PdfReader(out / PDF).pages)} pages, HTML and PDF: {both:.2f} s")
        print(f"  tables, charts, template: {html:.2f} s")
        print(f"  layout and writing of the pages: {statistics.median(laid):.2f} s")


if __name__ == "__main__":
    main()
