"""The PDF: bookmarks, page numbers, the same bytes, no network, a time limit, and a clear word when Pango is missing."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from generated.finished_runs import AUDIT, generated_run
from pypdf import PdfReader

from stresstest.errors import ExitCode, Reason, StressTestError
from stresstest.report.facts import facts
from stresstest.report.html import render_html
from stresstest.report.pdf import APT_LINE, Attached, pdf_child, render_pdf
from stresstest.report.view import ReportFacts

SMALL = "<!doctype html><html><head><title>t</title></head><body><h1>One</h1><p>text</p></body></html>"


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> ReportFacts:
    """Few scenarios and accounts: layout takes its time by the cell."""
    return facts(generated_run(tmp_path_factory.mktemp("short") / "run", accounts=150, stressed=5, others=1), AUDIT)


@pytest.fixture(scope="module")
def html(view: ReportFacts) -> str:
    return render_html(view)


@pytest.fixture(scope="module")
def report(html: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_pdf(html, tmp_path_factory.mktemp("pdf") / "report.pdf")


@pytest.fixture(scope="module")
def again(html: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same by a child that was there before the HTML was."""
    with pdf_child() as child:
        return render_pdf(html, tmp_path_factory.mktemp("again") / "report.pdf", child=child)


def test_bookmarks_page_numbers_and_running_head(report: Path, view: ReportFacts) -> None:
    document = PdfReader(report)
    titles = [item.title for item in _flat(document.outline)]
    assert titles[0] == view.title
    sections = (
        "Summary",
        "Scenarios by severity",
        "Worst accounts",
        "Worst accounts by scenario",
        "Cover-N and owners",
        "Segments",
        "Methodology",
        "Audit",
    )
    assert [title for title in titles if title in sections] == list(sections)
    assert sum(bool(re.match(r"\d+\. ", title)) for title in titles) == 10
    pages = [page.extract_text() for page in document.pages]
    for place, text in enumerate(pages, 1):
        assert f"Page {place} of {len(pages)}" in text
        assert f"Run {view.short_id}" in text
    assert view.light.sentence in pages[0]
    assert view.light.sentence in pages[1]
    contents = {title: int(number) for title, number in re.findall(r"^(Summary|Methodology|Audit)[ .]+(\d+)$", pages[0], re.MULTILINE)}
    assert contents.keys() == {"Summary", "Methodology", "Audit"}
    assert all(title in pages[number - 1] for title, number in contents.items())
    assert 12 <= len(pages) <= 20


def _flat(outline: list) -> list:  # type: ignore[type-arg]
    return [item for entry in outline for item in (_flat(entry) if isinstance(entry, list) else [entry])]


def test_metadata_and_bytes_do_not_follow_the_clock(report: Path, again: Path) -> None:
    information = PdfReader(report).metadata
    assert information is not None
    assert information.title == "House set 2026-Q4, stress test as of 2026-11-19 16:00 UTC"
    assert information.author == "stresstest"
    assert information["/CreationDate"] == "D:20261119160000Z"
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(report.read_bytes()).digest()


def test_result_json_is_attached_as_it_is_and_dated_like_the_snapshot(view: ReportFacts, tmp_path: Path) -> None:
    attached = Attached("result.json", view.audit.document, view.created)
    first, second = (render_pdf(SMALL, tmp_path / name, attached=attached) for name in ("a.pdf", "b.pdf"))
    (inside,) = PdfReader(first).attachment_list
    assert (inside.name, inside.content.decode()) == ("result.json", view.audit.document)
    assert json.loads(view.audit.document)["result_id"] == view.audit.result_id
    assert inside.creation_date == inside.modification_date == datetime(2026, 11, 19, 16, tzinfo=UTC)
    assert first.read_bytes() == second.read_bytes()


def test_a_child_that_was_not_needed_is_gone_at_the_end() -> None:
    with pdf_child() as child:
        assert child.poll() is None
    assert child.returncode is not None


def test_a_child_that_waited_draws_the_same(report: Path, again: Path) -> None:
    assert again.read_bytes() == report.read_bytes()


def test_only_the_shipped_font_is_inside(report: Path) -> None:
    fonts = {
        str(font.get_object()["/BaseFont"]).split("+")[-1]
        for page in PdfReader(report).pages
        for font in page["/Resources"]["/Font"].values()  # type: ignore[index]
    }
    assert {font.split("-")[0] for font in fonts} == {"Inter"}


def test_nothing_is_loaded(tmp_path: Path) -> None:
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        secret = tmp_path / "secret.css"
        secret.write_text("p { color: red }")
        page = SMALL.replace(
            "<p>", f'<link rel="stylesheet" href="{secret.as_uri()}"><img src="{address}/a.png"><p style="background: url({address}/b)">'
        )
        render_pdf(page, tmp_path / "x.pdf")
        server.shutdown()
    assert asked == []


def test_time_is_limited_and_nothing_is_left(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(StressTestError, match="PDF was not written") as refused:
        render_pdf(SMALL, tmp_path / "x.pdf", timeout=0.05)
    assert time.monotonic() - started < 5
    assert refused.value.exit_code == ExitCode.ENVIRONMENT
    assert "not finished in 0.05 seconds" in refused.value.faults[0].what
    assert list(tmp_path.iterdir()) == []


def _stand_in(folder: Path, code: str) -> Path:
    package = folder / "stand_in"
    package.mkdir()
    (package / "weasyprint.py").write_text(code)
    return package


def test_missing_pango_is_exit_code_4_with_the_line_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = 'print("----- banner -----")\nraise OSError("cannot load library \'libpango-1.0-0\': not found\\nmore lines")'
    monkeypatch.setenv("PYTHONPATH", str(_stand_in(tmp_path, code)))
    target = tmp_path / "out" / "report.pdf"
    target.parent.mkdir()
    with pytest.raises(StressTestError) as refused:
        render_pdf(SMALL, target)
    assert refused.value.reason is Reason.ENVIRONMENT
    assert refused.value.exit_code == 4
    assert "libpango-1.0-0" in refused.value.faults[0].what
    assert "banner" not in refused.value.faults[0].what
    assert APT_LINE in refused.value.faults[0].hint
    assert list(target.parent.iterdir()) == []


def test_a_killed_child_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(_stand_in(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")))
    with pytest.raises(StressTestError) as refused:
        render_pdf(SMALL, tmp_path / "report.pdf")
    assert "ended by SIGKILL" in refused.value.faults[0].what


def test_a_bug_in_the_child_is_not_dressed_as_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(_stand_in(tmp_path, "1 / 0")))
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        render_pdf(SMALL, tmp_path / "report.pdf")
