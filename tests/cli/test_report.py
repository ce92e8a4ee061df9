from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from stresstest.config import load_run
from stresstest.errors import ExitCode
from stresstest.report import render
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan

pytestmark = pytest.mark.usefixtures("drawn_here")


@pytest.fixture(scope="module")
def reported(run_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the plain book, with both reports, which processes of their own have made."""
    settings = load_run(run_file, {"output.formats": ["html", "pdf"]})
    return execute(plan(settings, tmp_path_factory.mktemp("reported") / "out")).folder


@pytest.fixture
def folder(reported: Path, tmp_path: Path) -> Path:
    """A copy of that run."""
    return Path(shutil.copytree(reported, tmp_path / "run"))


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def manifest(folder: Path) -> dict[str, object]:
    return dict(json.loads((folder / "manifest.json").read_text()))


def test_the_same_run_gives_the_same_report_again(stresstest, folder: Path, reported: Path):
    (folder / "report.html").write_text("gone wrong")
    (folder / "report.pdf").unlink()
    done = stresstest("report", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{folder / 'report.html'}\n{folder / 'report.pdf'}\n"
    for name in ("report.html", "report.pdf"):
        assert (folder / name).read_bytes() == (reported / name).read_bytes()


def test_in_the_run_folder_the_manifest_stays_true_and_the_result_is_the_same(stresstest, folder: Path, tmp_path: Path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "report.css").write_text("body { color: #123456 }")
    before = manifest(folder)
    assert before["rendered"] is None
    kept = {file: sha256(file) for file in folder.rglob("*") if file.is_file() and file.name not in ("report.html", "manifest.json")}
    done = stresstest("report", folder, "--formats", "html", "--templates", "templates", "--json")
    after = manifest(folder)
    assert "#123456" in (folder / "report.html").read_text()
    assert after["reports"] == {name: sha256(folder / name) for name in ("report.html", "report.pdf", "summary.json")}
    assert after["reports"]["report.html"] != before["reports"]["report.html"]
    assert after["rendered"]["command"][:2] == ["stresstest", "report"]
    assert {key: after[key] for key in after.keys() - {"reports", "rendered"}} == {
        key: before[key] for key in before.keys() - {"reports", "rendered"}
    }
    assert {file: sha256(file) for file in kept} == kept
    assert json.loads(done.stdout) == {
        "schema_version": 1, "kind": "report", "folder": str(folder),
        "result_id": after["result_id"], "reports": [str(folder / "report.html")], "exit_code": 0,
    }  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "templates"]


def test_another_folder_gets_reports_alone_and_the_run_is_only_read(stresstest, folder: Path, tmp_path: Path):
    kept = {file: sha256(file) for file in folder.rglob("*") if file.is_file()}
    for _ in range(2):  # a second time replaces
        done = stresstest("report", folder, "--formats", "html", "--out", "for/review")
        assert done.stdout == f"{tmp_path / 'for' / 'review' / 'report.html'}\n"
    assert [path.name for path in (tmp_path / "for").rglob("*")] == ["review", "report.html"]
    assert {file: sha256(file) for file in folder.rglob("*") if file.is_file()} == kept


@pytest.mark.parametrize(("flags", "limit"), [([], 120.0), (["--timeout", "300"], 300.0)])
def test_the_time_limit_is_a_flag(stresstest, folder: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], limit: float):
    limits = []

    def rendered(*_: object, timeout: float, **__: object) -> render.Rendered:
        limits.append(timeout)
        return render.Rendered((), None)

    monkeypatch.setattr(render, "render", rendered)
    assert stresstest("report", folder, "--out", "elsewhere", *flags).returncode == 0
    assert limits == [limit]


def test_a_folder_that_is_no_run_is_refused(stresstest, tmp_path: Path):
    done = stresstest("report", tmp_path)
    assert done.returncode == ExitCode.INPUT_REFUSED
    assert "this is not the folder of a finished run" in done.stderr
    assert str(tmp_path / "manifest.json") in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_work_folder_is_no_run(stresstest, folder: Path):
    (folder / "manifest.json").unlink()
    assert stresstest("report", folder).returncode == ExitCode.INPUT_REFUSED


@pytest.mark.parametrize("out", [[], ["--out", "review"]])
def test_tables_that_changed_are_named_and_nothing_is_made(stresstest, folder: Path, tmp_path: Path, out: list[str]):
    shutil.copyfile(folder / "account_summary.parquet", folder / "detail.parquet")
    (folder / "data_quality.parquet").unlink()
    shutil.copyfile(folder / "account_summary.parquet", folder / "pool_scenario.parquet")
    kept = {file: sha256(file) for file in folder.rglob("*") if file.is_file()}
    done = stresstest("report", folder, *out)
    assert done.returncode == ExitCode.INPUT_REFUSED
    lines = done.stderr.splitlines()
    assert lines[0] == "input data: the result folder is not as its run left it"
    assert [line.partition(", ")[2].partition(". ")[0] for line in lines[1:]] == [
        "data_quality: the table is missing",
        "detail: was changed after the run: its SHA-256 is not that of result.json",
        "pool_scenario: was changed after the run: its SHA-256 is not that of result.json",
    ]
    assert {file: sha256(file) for file in folder.rglob("*") if file.is_file()} == kept
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_documents_that_changed_are_named(stresstest, folder: Path):
    summary = folder / "summary.json"
    summary.write_text(summary.read_text().replace('"red"', '"green"', 1))
    result = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps(result | {"code_version": "9.9.9"}))
    done = stresstest("report", folder)
    assert done.returncode == ExitCode.INPUT_REFUSED
    assert f"{folder / 'result.json'}: its result id does not follow from its content" in done.stderr
    assert f"{summary}: was changed after the run" in done.stderr


def test_a_fault_in_a_template_is_the_users_and_told_with_its_line(stresstest, folder: Path, tmp_path: Path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "report.html.j2").write_text("<p>\n{% if %}\n")
    done = stresstest("report", folder, "--formats", "html", "--templates", "own")
    assert done.returncode == ExitCode.CONFIGURATION
    assert f"{Path('own') / 'report.html.j2'}:2: TemplateSyntaxError" in done.stderr
    (tmp_path / "own" / "report.html.j2").write_text("{{ facts.nothing.of_the_kind }}")
    done = stresstest("report", folder, "--formats", "html", "--templates", "own")
    assert done.returncode == ExitCode.CONFIGURATION
    assert "UndefinedError" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--formats", "json"], "json is no report"),
        (["--formats", "docx"], "'docx' is none of html, pdf"),
        (["--formats", ","], "names no report"),
        (["--templates", "nowhere"], "nowhere: no such folder"),
        (["--templates", "other"], "other: holds no template of the report. Give --templates a folder with one or more of"),
        (["--out", "run"], None),
        (["--out", "other"], "is the folder of another run"),
        (["--out", "file"], "is not a folder"),
    ],
    ids=str,
)
def test_what_cannot_be_done_as_asked_is_usage(stresstest, folder: Path, tmp_path: Path, words: list[str], told: str | None):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "manifest.json").write_text("{}")
    (tmp_path / "file").write_text("")
    done = stresstest("report", folder, *words, *([] if "--formats" in words else ["--formats", "html"]))
    assert done.returncode == (ExitCode.DONE if told is None else ExitCode.CONFIGURATION), done.stderr
    assert told is None or told in done.stderr


def test_a_machine_without_pango_gets_the_html_and_exit_4(stresstest, folder: Path, monkeypatch: pytest.MonkeyPatch):
    from stresstest.errors import Reason, StressTestError
    from stresstest.report import pdf

    def no_pango(*_: object, **__: object) -> None:
        raise StressTestError(Reason.ENVIRONMENT, "Pango is missing")

    monkeypatch.setattr(pdf, "render_pdf", no_pango)
    (folder / "report.html").unlink()
    before = sha256(folder / "report.pdf")
    done = stresstest("report", folder, "--formats", "pdf")
    assert done.returncode == ExitCode.ENVIRONMENT
    assert done.stdout == f"{folder / 'report.html'}\n"
    assert manifest(folder)["reports"]["report.pdf"] == before == sha256(folder / "report.pdf")


def test_a_folder_that_a_run_is_writing_is_locked(stresstest, folder: Path):
    from stresstest.runs.folders import locked

    with locked(folder):
        done = stresstest("report", folder, "--formats", "html")
    assert done.returncode == ExitCode.LOCKED
