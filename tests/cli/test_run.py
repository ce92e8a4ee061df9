from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from stresstest.errors import ExitCode
from stresstest.runs.folders import locked_work_folder

pytestmark = pytest.mark.usefixtures("made_once", "drawn_here")


def test_a_run_prints_its_folder_on_stdout_and_the_answer_on_stderr(stresstest, run_file: Path, tmp_path: Path):
    done = stresstest("run", run_file, "--out", "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'out'}\n"
    assert done.stderr.startswith("RED  An owner defaults in 1 of 2 headline scenarios.\n")
    assert "Worst scenario   Half gone: margin shortfall" in done.stderr
    assert "a000003" in done.stderr
    assert "\x1b" not in done.stderr


def test_the_run_file_is_kept_as_it_is(stresstest, run_file: Path, tmp_path: Path):
    given = b"# kept\r\n" + run_file.read_bytes()
    shutil.copytree(run_file.parent, tmp_path / "book")
    (tmp_path / "book" / "run.yaml").write_bytes(given)
    assert stresstest("run", "book/run.yaml", "--out", "out", "--keep", "all").returncode == 0
    assert (tmp_path / "out" / "inputs" / "run.yaml").read_bytes() == given
    assert json.loads((tmp_path / "out" / "inputs" / "run.json").read_text())["keep"] == "all"


def test_a_first_run_says_that_kernels_are_compiled(stresstest, run_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from stresstest.margin.kernels import jit

    (tmp_path / "cache").mkdir()
    monkeypatch.setattr(jit, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr("numba.config.DISABLE_JIT", 0)
    flags = ["--out", "out", "--force"]
    assert stresstest("run", run_file, *flags).stderr.startswith("compiling kernels (first run only)\nRED")
    assert stresstest("run", run_file, *flags, "-q").stderr == ""
    (tmp_path / "cache" / "kernels_0").mkdir()
    (tmp_path / "cache" / "kernels_0" / "walk.1.nbc").touch()
    assert "compiling" not in stresstest("run", run_file, *flags).stderr
    monkeypatch.setattr(jit, "cache_folder", lambda: None)
    assert "no place to keep them" in stresstest("run", run_file, *flags).stderr


def test_owners_are_told_by_name_and_id(stresstest, run_file: Path, tmp_path: Path):
    import polars as pl

    shutil.copytree(run_file.parent, tmp_path / "book")
    owners = pl.DataFrame({"owner_id": ["a000003", "a000002"], "name": ["Third & Co", None]})
    owners.write_parquet(tmp_path / "book" / "snapshot" / "owners.parquet")
    done = stresstest("run", "book/run.yaml", "--out", "out", "--formats", "html")
    assert "stress loss over margin (Third & Co (a000003), a000002)" in done.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["owner_names"] == {"a000003": "Third & Co"}
    html = (tmp_path / "out" / "report.html").read_text()
    assert "Third &amp; Co + a000002" in html
    assert re.search(r"Third &amp; Co(<[^>]*>)*a000003<", html)


def test_quiet_says_nothing(stresstest, run_file: Path):
    done = stresstest("run", run_file, "--out", "out", "-q")
    assert (done.returncode, done.stderr) == (0, "")


def test_verbose_says_what_takes_how_long(stresstest, run_file: Path):
    told = stresstest("run", run_file, "--out", "out", "-v").stderr
    assert all(f"{stage}: " in told for stage in ("snapshot", "scenarios", "valuation", "stress", "results"))


def test_json_is_one_versioned_document(stresstest, run_file: Path, tmp_path: Path):
    done = stresstest("run", run_file, "--out", "out", "--json")
    content = json.loads(done.stdout)
    assert (content["schema_version"], content["kind"], content["exit_code"]) == (1, "run", 0)
    assert content["folder"] == str(tmp_path / "out")
    assert content["summary"] == json.loads((tmp_path / "out" / "summary.json").read_text())
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("limit", "light", "codes"),
    [("amber: 5, red: 8", "red", (5, 5)), ("amber: 5, red: 20", "amber", (0, 5)), ("amber: 15, red: 20", "green", (0, 0))],
)
def test_a_limit_fails_a_run_that_is_green_otherwise(stresstest, run_file: Path, limit: str, light: str, codes: tuple[int, int]):
    """Everybody holds ten times the equity; `dip` alone brings a margin call and nothing worse."""
    text = "limits=[{name: Gearing, built_in: account_leverage, " + limit + ", owner: Credit desk}]"
    for fail_on, code in zip(("red", "amber"), codes, strict=True):
        words = ("run", run_file, "--out", "out", "--set", "headline=[dip]", "--set", text, "--fail-on", fail_on)
        done = stresstest(*words, "--json")
        document = json.loads(done.stdout)
        assert (done.returncode, document["summary"]["status"]["light"]) == (code, light)
    shown = stresstest(*words, "--force").stderr
    assert ("Gearing is " + light + ": 10.00 (a000001), beyond " in shown) == (light != "green")
    planned = json.loads(stresstest(*words, "--force", "--dry-run", "--json").stdout)
    assert [each["built_in"] for each in planned["limits"]] == ["account_leverage"]


@pytest.mark.parametrize(("fail_on", "code"), [("red", ExitCode.LIMIT_BREACHED), ("amber", ExitCode.LIMIT_BREACHED), (None, ExitCode.DONE)])
def test_a_red_light_fails_only_when_asked_to(stresstest, run_file: Path, tmp_path: Path, fail_on: str | None, code: ExitCode):
    flags = [] if fail_on is None else ["--fail-on", fail_on]
    assert stresstest("run", run_file, "--out", "out", *flags).returncode == code
    assert (tmp_path / "out" / "manifest.json").is_file()


def test_an_amber_light_does_not_fail_on_red(stresstest, run_file: Path, tmp_path: Path):
    # Equity 5 k against 8 % of 95 k: everybody is newly short of maintenance margin, and nobody in default.
    (tmp_path / "margin.yaml").write_text((run_file.parent / "margin.yaml").read_text().replace("maintenance_rate: 0.05", "maintenance_rate: 0.08"))
    (tmp_path / "scenarios.yaml").write_text("version: 1\nscenarios: [{id: dip, shocks: [{factor: 'spot:BTC', relative: -0.05}]}]\n")
    flags = ["--margin", "margin.yaml", "--scenarios", "scenarios.yaml", "--force", "--out", "out"]
    assert stresstest("run", run_file, *flags, "--fail-on", "red").returncode == ExitCode.DONE
    amber = stresstest("run", run_file, *flags, "--fail-on", "amber")
    assert amber.returncode == ExitCode.LIMIT_BREACHED
    assert amber.stderr.startswith("AMBER")


def test_a_flag_wins_over_the_environment_and_that_over_the_file(stresstest, run_file: Path, tmp_path: Path):
    def keep_of(name: str) -> str:
        return str(json.loads((tmp_path / name / "result.json").read_text())["specification"]["keep"])

    assert stresstest("run", run_file, "--out", "a", STRESSTEST_KEEP="worst").returncode == 0
    assert stresstest("run", run_file, "--out", "b", "--keep", "all", STRESSTEST_KEEP="worst").returncode == 0
    assert stresstest("run", run_file, "--set", "keep=all", STRESSTEST_OUT="c").returncode == 0
    assert [keep_of(name) for name in "abc"] == ["worst", "all", "all"]


def test_relative_paths_of_flags_start_where_the_user_is(stresstest, run_file: Path, tmp_path: Path):
    shutil.copytree(run_file.parent / "snapshot", tmp_path / "here")
    done = stresstest("run", run_file, "--snapshot", "here", "--out", "out")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["snapshot"] == str(tmp_path / "here")


def test_a_dry_run_prints_the_plan_and_writes_nothing(stresstest, run_file: Path, tmp_path: Path):
    done = stresstest("run", run_file, "--out", "out", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "accounts    3 rows, " in done.stdout
    assert "instruments 1 row, " in done.stdout
    assert " in 1 file\n" in done.stdout
    assert "about 1 block, of 4,096 margin pools each" in done.stdout
    assert str(tmp_path / "out") in done.stdout
    plan = json.loads(stresstest("run", run_file, "--out", "out", "--dry-run", "--json").stdout)
    assert (plan["kind"], plan["scenarios"], plan["folder"]) == ("plan", 3, str(tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("flags", [["--out", "out"], ["--set", "output.folder=runs"]])
def test_the_same_run_again_is_complete_already(stresstest, run_file: Path, tmp_path: Path, flags: list[str]):
    first = stresstest("run", run_file, *flags)
    folder = Path(first.stdout.strip())
    manifest = (folder / "manifest.json").read_bytes()
    again = stresstest("run", run_file, *flags)
    assert (again.returncode, again.stdout) == (ExitCode.DONE, first.stdout)
    result_id = json.loads((folder / "result.json").read_text())["result_id"]
    assert again.stderr.splitlines()[0] == f"already complete: the folder holds this very result, {result_id[:12]} (--force runs again)"
    assert again.stderr.partition("\n")[2] == first.stderr
    assert (folder / "manifest.json").read_bytes() == manifest
    content = json.loads(stresstest("run", run_file, *flags, "--json", "-q", "--fail-on", "red").stdout)
    assert (content["repeated"], content["exit_code"]) == (True, ExitCode.LIMIT_BREACHED)
    assert stresstest("run", run_file, *flags, "--force", "-q").returncode == ExitCode.DONE
    assert (folder / "manifest.json").read_bytes() != manifest
    assert len(list(folder.parent.iterdir())) == 1


def test_the_same_run_again_makes_the_reports_that_it_lacks(stresstest, run_file: Path, tmp_path: Path):
    assert stresstest("run", run_file, "--out", "out", "--formats", "json").returncode == 0
    again = stresstest("run", run_file, "--out", "out", "--formats", "html")
    assert again.returncode == 0, again.stderr
    assert again.stderr.startswith("already complete")
    assert "report.html" in json.loads((tmp_path / "out" / "manifest.json").read_text())["reports"]


def test_a_finished_run_that_is_not_the_same_needs_force_and_says_why(stresstest, run_file: Path, tmp_path: Path):
    import polars as pl

    shutil.copytree(run_file.parent, tmp_path / "book")
    assert stresstest("run", "book/run.yaml", "--out", "out").returncode == 0

    def refused(*words: str) -> str:
        done = stresstest("run", "book/run.yaml", "--out", "out", *words)
        assert done.returncode == ExitCode.CONFIGURATION
        assert "Give --force to replace it" in done.stderr
        return str(done.stderr)

    assert "holds a finished run: of another question (keep, seed)" in refused("--keep", "all", "--set", "seed=7")
    assert "holds a finished run: of another name" in refused("--set", "name=other")
    collateral = tmp_path / "book" / "snapshot" / "collateral.parquet"
    pl.read_parquet(collateral).with_columns(pl.col("quantity") + 1).write_parquet(collateral)
    assert "holds a finished run: of other data (collateral)" in refused()
    assert stresstest("run", "book/run.yaml", "--out", "out", "--force").returncode == 0
    (tmp_path / "out" / "detail.parquet").unlink()
    told = refused()
    assert "holds a finished run: the result folder is not as its run left it" in told
    assert "detail: the table is missing" in told
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "letter.txt").write_text("dear")
    assert stresstest("run", "book/run.yaml", "--out", "elsewhere", "--force").returncode == ExitCode.CONFIGURATION


def test_a_locked_target_is_75(stresstest, run_file: Path, tmp_path: Path):
    with locked_work_folder(tmp_path / "out", "0" * 64):
        done = stresstest("run", run_file, "--out", "out")
    assert done.returncode == ExitCode.LOCKED
    assert "another run is writing it" in done.stderr


def test_a_refused_snapshot_is_3_names_table_column_and_key_and_leaves_nothing(stresstest, run_file: Path, tmp_path: Path):
    import polars as pl

    shutil.copytree(run_file.parent, tmp_path / "book")
    positions = tmp_path / "book" / "snapshot" / "positions.parquet"
    pl.read_parquet(positions).with_columns(instrument_id=pl.lit("DOGE-PERP")).write_parquet(positions)
    done = stresstest("run", "book/run.yaml", "--out", "results/out")
    assert done.returncode == ExitCode.INPUT_REFUSED
    assert "positions.instrument_id" in done.stderr
    assert "DOGE-PERP" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["book"]


def test_faults_of_the_run_file_are_2_with_file_and_line(stresstest, run_file: Path, tmp_path: Path):
    (tmp_path / "run.yaml").write_text(run_file.read_text().replace("version: 1\n", "version: 1\nkeap: all\n"))
    done = stresstest("run", "run.yaml")
    assert done.returncode == ExitCode.CONFIGURATION
    assert "run.yaml:2" in done.stderr
    assert "keep" in done.stderr
    content = json.loads(stresstest("run", "run.yaml", "--json").stdout)
    assert (content["kind"], content["exit_code"]) == ("error", ExitCode.CONFIGURATION)
    assert content["faults"][0]["line"] == 2


def test_a_feature_to_come_is_refused_as_such(stresstest, run_file: Path):
    done = stresstest("run", run_file, "--set", "report={pages: 3}")
    assert done.returncode == ExitCode.CONFIGURATION
    assert "not in this version" in done.stderr


HOSTILE = "a\x1b[2Jb\nc\x9bd"
SPELLED = "a\\x1b[2Jb\\nc\\x9bd"


@pytest.fixture
def hostile_book(run_file: Path, tmp_path: Path) -> Path:
    """The plain book with control characters in an account's id, a scenario's name and source, and an unknown asset."""
    import polars as pl

    shutil.copytree(run_file.parent, tmp_path / "book")
    for table in ("accounts", "positions", "collateral"):
        file = tmp_path / "book" / "snapshot" / f"{table}.parquet"
        pl.read_parquet(file).with_columns(account_id=pl.col("account_id").replace("a000003", HOSTILE)).write_parquet(file)
    name, shock = json.dumps(HOSTILE), json.dumps(f"spot:{HOSTILE}")
    shocks = f'[{{factor: "spot:BTC", relative: -0.5}}, {{factor: {shock}, relative: -0.5}}]'
    scenarios = f"version: 1\nscenarios: [{{id: crash, family: historical, name: {name}, source: {name}, shocks: {shocks}}}]\n"
    (tmp_path / "book" / "scenarios.yaml").write_text(scenarios)
    return tmp_path / "book" / "run.yaml"


@pytest.mark.parametrize(
    "words",
    [
        ["run", "book/run.yaml", "--out", "out"],
        ["run", "book/run.yaml", "--out", HOSTILE, "--dry-run"],
        ["run", HOSTILE],
        ["validate", "book/run.yaml"],
        ["scenarios", "list", "book/scenarios.yaml"],
        ["scenarios", "show", "book/scenarios.yaml", "--id", "crash"],
        ["scenarios", "show", "book/scenarios.yaml", "--id", HOSTILE],
        [HOSTILE],
    ],
    ids=str,
)
def test_control_characters_of_data_do_not_reach_the_terminal(stresstest, hostile_book: Path, words: list[str]):
    done = stresstest(*words)
    told = done.stdout + done.stderr
    assert SPELLED in told
    assert not {sign for sign in told if not sign.isprintable()} - {"\n"}
    assert not any(line.lstrip().startswith("c\\x9bd") for line in told.splitlines()), "a line end of data made a line"


def test_json_spells_out_what_a_terminal_would_obey(stresstest, hostile_book: Path):
    done = stresstest("scenarios", "list", "book/scenarios.yaml", "--json")
    assert json.loads(done.stdout)["scenarios"][1]["name"] == HOSTILE
    assert not {sign for sign in done.stdout if not sign.isprintable()} - {"\n"}


def test_a_breach_is_more_urgent_than_a_pdf_that_cannot_be_made(stresstest, run_file: Path, monkeypatch: pytest.MonkeyPatch):
    from stresstest.errors import Reason, StressTestError
    from stresstest.report import pdf

    def no_pango(*_: object, **__: object) -> None:
        raise StressTestError(Reason.ENVIRONMENT, "Pango is missing")

    monkeypatch.setattr(pdf, "render_pdf", no_pango)
    flags = ["--out", "out", "--force", "--formats", "pdf"]
    assert stresstest("run", run_file, *flags).returncode == ExitCode.ENVIRONMENT
    both = stresstest("run", run_file, *flags, "--fail-on", "red", "--json")
    assert both.returncode == ExitCode.LIMIT_BREACHED
    assert "Pango is missing" in both.stderr
    assert json.loads(both.stdout)["exit_code"] == ExitCode.LIMIT_BREACHED


def test_the_answer_names_its_columns(stresstest, run_file: Path):
    lines = stresstest("run", run_file, "--out", "out").stderr.splitlines()
    head = next(line for line in lines if line.startswith("Worst accounts"))
    assert head.split("  ")[0] == "Worst accounts"
    assert [cell.strip() for cell in head.split("  ") if cell.strip()][1:] == [
        "status", "in scenario", "margin balance", "maintenance margin", "margin shortfall",
    ]  # fmt: skip


def test_quiet_still_says_in_one_line_why_it_leaves_with_5(stresstest, run_file: Path):
    done = stresstest("run", run_file, "--out", "out", "-q", "--fail-on", "red")
    assert done.returncode == ExitCode.LIMIT_BREACHED
    assert done.stderr == "exit 5 (--fail-on red): RED, owners default in 1 of 2 headline scenarios, most (3) in Half gone\n"
