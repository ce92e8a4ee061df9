"""`scenarios lint` and `scenarios expand` as a person and a program see them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from stresstest.errors import ExitCode

pytestmark = pytest.mark.usefixtures("made_once")

SHADOWED = """version: 1
scenarios:
  - id: fall
    shocks:
      - {factor: "spot:*", relative: -0.1}
      - {factor: "spot:*", where: {asset_class: crypto}, relative: -0.3}
  - id: fall_again
    shocks:
      - {factor: "spot:*", relative: -0.2}
      - {factor: "spot:*", where: {asset_class: crypto}, relative: -0.3}
  - {id: elsewhere, family: historical, shocks: [{factor: "spot:ETH", relative: -0.3}]}
"""


@pytest.fixture
def shadowed(tmp_path: Path) -> Path:
    (tmp_path / "set.yaml").write_text(SHADOWED)
    return tmp_path / "set.yaml"


def test_what_only_a_history_makes_is_said_to_be_missing(stresstest, tmp_path: Path):
    (tmp_path / "set.yaml").write_text(
        "version: 1\nscenarios: [{id: fall, shocks: [{factor: 'spot:BTC', relative: -0.1}]}]\n"
        "generators: [{kind: monte_carlo, id: mc, draws: 10, seed: 1}, {kind: complete, of: fall, core: ['spot:BTC']}]\n"
    )
    how = "`stresstest scenarios expand RUN.yaml --as scenarios --out FILE` writes them out."
    told = f"More are made of a snapshot's history (mc.*, fall.complete): {how}"
    listed = stresstest("scenarios", "list", tmp_path / "set.yaml")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["id", "base", "fall"]
    assert listed.stderr.splitlines() == [told]
    shown = stresstest("scenarios", "show", tmp_path / "set.yaml", "--id", "mc.01")
    assert (shown.returncode, shown.stdout) == (ExitCode.CONFIGURATION, "")
    assert told in shown.stderr


def test_a_run_file_stands_for_its_scenarios_and_their_headline(stresstest, run_file: Path, shadowed: Path, tmp_path: Path):
    shutil.copytree(run_file.parent, tmp_path / "book")
    chosen = tmp_path / "book" / "run.yaml"
    chosen.write_text(f"{chosen.read_text()}headline: [crash]\n")

    def headlines(*words: object) -> dict[str, bool]:
        document = json.loads(stresstest("scenarios", "list", *words, "--json").stdout)
        return {each["id"]: each["headline"] for each in document["scenarios"]}

    assert headlines(chosen) == {"base": False, "dip": False, "crash": True}
    assert list(headlines(chosen.with_name("scenarios.yaml"))) == ["base", "dip", "crash"]
    shown = stresstest("scenarios", "show", run_file, "--id", "crash")
    assert shown.stdout.startswith("crash: ")
    assert list(headlines(run_file, shadowed)) == ["base", "fall", "fall_again", "elsewhere"]
    wrong = stresstest("scenarios", "list", shadowed, run_file)
    assert (wrong.returncode, wrong.stdout) == (ExitCode.CONFIGURATION, "")
    assert "Name the run file first, then scenario files." in wrong.stderr


# ---------------------------------------------------------------- lint


def test_a_clean_set_is_a_table_and_nothing_found(stresstest, run_file: Path):
    done = stresstest("scenarios", "lint", run_file)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [
        "2 scenarios on the book of 2026-11-19 16:00 UTC: 1 instrument, gross notional 600 USD",
        "",
        "scenario  shocks  unshocked  USD unshocked  clamped  findings  largest of what is unshocked",
        "dip            1       0.0%              0        -         -",
        "crash          1       0.0%              0        -         -",
        "",
        "nothing found",
    ]


def test_findings_are_grouped_warnings_first(stresstest, run_file: Path, shadowed: Path):
    done = stresstest("scenarios", "lint", run_file, shadowed.name)
    assert done.returncode == 0
    table, found = done.stderr.split("Findings\n")
    assert "elsewhere        1     100.0%            600        -         3  BTC 100.0%" in table
    first, *rest = found.splitlines()
    assert first.startswith(
        "  warning  fall, shock 2 (set.yaml:6): spot:* {asset_class: crypto} never counts: the only asset it matches is taken by "
    )
    assert first.endswith("relative shock 1 before it; and in 1 more scenario")
    assert rest == [
        "  warning  elsewhere (set.yaml:11): the scenario is the base: nothing moves",
        "  warning  elsewhere, shock 1 (set.yaml:11): spot:ETH matches nothing: there is no asset `ETH`",
        "  info     elsewhere (set.yaml:11): a historical scenario without `source`: nobody can check its numbers",
        "",
        "4 warnings, 1 info",
    ]


def test_infos_of_files_for_any_book_are_counted_and_bury_no_warning(stresstest, run_file: Path, shadowed: Path, tmp_path: Path):
    away = "".join(f"  - {{id: away-{n}, shocks: [{{factor: 'spot:X{n}', relative: -0.1}}]}}\n" for n in range(3))
    (tmp_path / "shared.yaml").write_text(f"version: 1\nany_book: true\nscenarios:\n{away}")
    words = ("scenarios", "lint", run_file, shadowed.name, "shared.yaml")
    brief = stresstest(*words).stderr
    found = brief.split("Findings\n")[1].splitlines()
    # Of each of the three: its shock matches nothing, and it moves nothing.
    assert found[-3:] == ["6 infos of files written for any book are not shown; -v shows, --json has all", "", "4 warnings, 7 infos"]
    assert "away" not in brief.split("Findings\n")[1]
    assert "spot:X1 matches nothing: there is no asset `X1`" in stresstest(*words, "-v").stderr
    assert sum(each["scenario_id"].startswith("away") for each in json.loads(stresstest(*words, "--json").stdout)["findings"]) == 6


def test_lint_as_json_has_everything(stresstest, run_file: Path, shadowed: Path):
    done = stresstest("scenarios", "lint", run_file, shadowed.name, "--json")
    content = json.loads(done.stdout)
    assert (done.stderr, content["schema_version"], content["kind"]) == ("", 1, "lint")
    assert (content["warnings"], content["infos"], content["book"]["gross_notional"]) == (4, 1, 600.0)
    assert [each["id"] for each in content["scenarios"]] == ["fall", "fall_again", "elsewhere"]
    first = content["findings"][0]
    assert (first["kind"], first["shock"], first["factor"], first["where"]) == ("shadowed", 2, "spot:*", {"asset_class": ["crypto"]})
    assert (first["file"], first["line"]) == (str(shadowed), 6)


@pytest.mark.parametrize(("flags", "code"), [
    ((), 0), (("--fail-on", "warning"), 5), (("--fail-on", "info"), 5), (("--fail-on", "warning", "-q"), 5),
    (("--fail-on", "warning", "--json"), 5),
])  # fmt: skip
def test_fail_on_makes_findings_an_exit_code(stresstest, run_file: Path, shadowed: Path, flags: tuple[str, ...], code: int):
    done = stresstest("scenarios", "lint", run_file, shadowed.name, *flags)
    assert done.returncode == code
    if len(flags) == 3:
        assert done.stderr == "exit 5 (--fail-on warning): 4 warnings, 1 info\n"


def test_fail_on_is_about_findings_that_bad(stresstest, run_file: Path, tmp_path: Path):
    (tmp_path / "note.yaml").write_text("version: 1\nscenarios: [{id: a, family: historical, shocks: [{factor: 'spot:BTC', relative: -0.1}]}]\n")
    assert stresstest("scenarios", "lint", run_file, "note.yaml", "--fail-on", "warning").returncode == 0
    assert stresstest("scenarios", "lint", run_file, "note.yaml", "--fail-on", "info").returncode == 5
    assert stresstest("scenarios", "lint", run_file, "--fail-on", "info").returncode == 0


def test_a_threshold_makes_what_is_unshocked_a_warning(stresstest, run_file: Path, tmp_path: Path):
    (tmp_path / "rates.yaml").write_text("version: 1\nscenarios: [{id: rates, shocks: [{factor: 'rate:USD', absolute: 0.01}]}]\n")
    done = stresstest("scenarios", "lint", run_file, "rates.yaml", "--max-unshocked", "0.25", "--fail-on", "warning")
    assert done.returncode == 5
    assert "rates (rates.yaml:2): 100.0% of gross notional is left as it is, more than 25.0%" in done.stderr


def test_scenario_files_alone_and_on_a_snapshot(stresstest, run_file: Path, shadowed: Path):
    alone = stresstest("scenarios", "lint", shadowed.name)
    assert alone.stderr.startswith("3 scenarios, looked at without a book: give a run file, or --snapshot and --margin, ")
    book = run_file.parent
    named = stresstest("scenarios", "lint", shadowed.name, "--snapshot", book / "snapshot", "--margin", book / "margin.yaml")
    assert named.stderr == stresstest("scenarios", "lint", run_file, shadowed.name).stderr
    assert (
        stresstest("scenarios", "lint", shadowed.name, STRESSTEST_SNAPSHOT=str(book / "snapshot"), STRESSTEST_MARGIN=str(book / "margin.yaml")).stderr
        == named.stderr
    )


def test_a_finished_run_is_linted_on_its_own_copies(stresstest, finished: Path):
    assert "2 scenarios on the book" in stresstest("scenarios", "lint", finished).stderr


@pytest.mark.parametrize(("words", "told"), [
    (["set.yaml", "--snapshot", "somewhere"], "--snapshot names a snapshot without a margin file"),
    (["set.yaml", "--margin", "some.yaml"], "--margin names a margin without a snapshot"),
    (["set.yaml", "RUN"], "is a run file, and not the first"),
    (["set.yaml", "--max-unshocked", "0.1"], "needs a book"),
    (["RUN", "--max-unshocked", "1.5"], "--max-unshocked"),
    (["nothing.yaml"], "no such file"),
    ([], "Missing argument"),
])  # fmt: skip
def test_what_lint_cannot_make_sense_of_is_usage(stresstest, run_file: Path, shadowed: Path, words: list[str], told: str):
    done = stresstest("scenarios", "lint", *[run_file if word == "RUN" else word for word in words])
    assert done.returncode == ExitCode.CONFIGURATION
    assert told in done.stderr


def test_names_from_data_cannot_command_a_terminal(stresstest, run_file: Path, tmp_path: Path):
    (tmp_path / "set.yaml").write_text('version: 1\nscenarios: [{id: a, shocks: [{factor: "spot:\\e[31mBTC", relative: -0.1}]}]\n')
    assert "spot:\\x1b[31mBTC matches nothing" in stresstest("scenarios", "lint", run_file, "set.yaml").stderr


# ---------------------------------------------------------------- expand


def test_expand_writes_the_file_and_prints_its_name(stresstest, run_file: Path, tmp_path: Path):
    done = stresstest("scenarios", "expand", run_file, "--out", "factors.csv")
    assert (done.returncode, done.stdout, done.stderr) == (0, "factors.csv\n", "3 rows, 3 scenarios with the base\n")
    assert (tmp_path / "factors.csv").read_text().splitlines()[-1] == "crash,spot:BTC,,100.0,50.0,-50.0,-0.5"
    again = stresstest("scenarios", "expand", run_file, "--out", "factors.csv")
    assert (again.returncode, [file.name for file in tmp_path.iterdir()]) == (ExitCode.CONFIGURATION, ["factors.csv"])
    assert "--force" in again.stderr


def test_expand_as_json_and_of_some_scenarios(stresstest, run_file: Path, tmp_path: Path):
    done = stresstest("scenarios", "expand", run_file, "--out", "f.parquet", "--id", "crash", "--factors", "moved", "--json")
    content = json.loads(done.stdout)
    assert content == {"schema_version": 1, "kind": "expansion", "file": "f.parquet", "rows": 1, "scenarios": 2}


@pytest.mark.parametrize("what", ["factors", "scenarios"])
def test_expand_says_what_matches_nothing(stresstest, run_file: Path, tmp_path: Path, what: str):
    """A slip in a name would be signed off otherwise."""
    (tmp_path / "slip.yaml").write_text("version: 1\ngenerators:\n  - {kind: ladder, id: l, factor: 'spot:BTD', relative: [-0.1, 0.1]}\n")
    book = run_file.parent
    done = stresstest(
        "scenarios", "expand", "slip.yaml", "--snapshot", book / "snapshot", "--margin", book / "margin.yaml", "--as", what, "--out", "x.parquet"
    )
    assert done.returncode == 0
    assert "scenario `l.spot_btd_-0.1`: " in done.stderr
    assert "no asset `BTD`" in done.stderr


def test_expand_needs_a_book(stresstest, shadowed: Path):
    done = stresstest("scenarios", "expand", shadowed.name, "--out", "f.csv")
    assert done.returncode == ExitCode.CONFIGURATION
    assert "--snapshot and --margin" in done.stderr
