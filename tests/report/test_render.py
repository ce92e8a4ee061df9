"""Both documents of a run in one call, each from a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from generated.finished_runs import AUDIT, generated_run

from stresstest.errors import ExitCode, Fault, Reason, StressTestError
from stresstest.report import pdf
from stresstest.report.children import ask, child, refusal, refused
from stresstest.report.facts import facts
from stresstest.report.html import render_html
from stresstest.report.render import render


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = generated_run(tmp_path_factory.mktemp("render") / "run", accounts=12, stressed=2, others=0)
    (folder / "manifest.json").write_text(json.dumps(AUDIT))
    return folder


def test_the_html_is_that_of_its_facts_and_the_folder_is_enough(run: Path, tmp_path: Path) -> None:
    done = render(run, ["html"], out=tmp_path)
    assert (done.written, done.lacking) == ((tmp_path / "report.html",), None)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == render_html(facts(run, AUDIT))


def test_a_machine_without_pdf_keeps_the_html(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_pango(*_: object, **__: object) -> Path:
        raise StressTestError(Reason.ENVIRONMENT, "Pango is missing")

    monkeypatch.setattr(pdf, "render_pdf", no_pango)
    done = render(run, ["pdf"], out=tmp_path)
    assert done.written == (tmp_path / "report.html",)
    assert done.lacking is not None


def test_a_refusal_of_the_child_is_raised_as_it_is(run: Path, tmp_path: Path) -> None:
    with pytest.raises(StressTestError) as refused:
        render(tmp_path, ["html"], audit=AUDIT)
    assert refused.value.exit_code == ExitCode.INPUT_REFUSED
    assert "no such file" in refused.value.faults[0].what
    (tmp_path / "report.html.j2").write_text("<p>\n{% if %}")
    with pytest.raises(StressTestError) as refused:
        render(run, ["html"], out=tmp_path, templates=tmp_path)
    assert refused.value.reason is Reason.CONFIGURATION
    assert refused.value.faults[0].line == 2


def test_time_is_limited_for_the_html_too_and_what_is_lacking_is_told(run: Path, tmp_path: Path) -> None:
    done = render(run, ["html"], out=tmp_path, timeout=0.01)
    assert done.written == ()
    assert done.lacking is not None
    assert "not finished in 0.01 seconds" in done.lacking.faults[0].what
    assert done.lacking.faults[0].hint == "Give it longer: `stresstest report RUN --timeout SECONDS`."
    assert list(tmp_path.iterdir()) == []


def test_a_bug_in_a_child_is_told_with_its_traceback() -> None:
    with child("stresstest.report.html_child") as process, pytest.raises(RuntimeError, match="KeyError: 'folder'"):
        ask(process, {}, 60.0, "report")


def test_faults_cross_the_border_whole() -> None:
    fault = Fault("what", "hint", file="f", line=3, table="t", column="c", rule="r", rows=9, keys=("a", "b"))
    error = StressTestError(Reason.MARGIN_FILE, "summary", [fault], "how")
    back = refused(json.loads(json.dumps(refusal(error))))
    assert (back.reason, back.summary, back.faults, back.hint) == (error.reason, error.summary, error.faults, error.hint)
