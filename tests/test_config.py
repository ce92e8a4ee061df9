"""The run file: keys, types, precedence, paths."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stresstest.config import Output, Override, RunFile, Tolerance, load_run, overrides_from
from stresstest.errors import ExitCode, Reason, StressTestError

SHARED = Path(__file__).parents[1] / "../shared/data"
NEEDED = "version: 1\nsnapshot: snap\nscenarios: [a.yaml, sub/b.parquet]\nmargin: margin.yaml\n"


def _load(tmp_path: Path, text: str, overrides: dict[str, Any] | None = None) -> RunFile:
    (tmp_path / "run.yaml").write_text(text)
    return load_run(tmp_path / "run.yaml", overrides)


def _faults(tmp_path: Path, text: str, overrides: dict[str, Any] | None = None) -> list[str]:
    with pytest.raises(StressTestError) as caught:
        _load(tmp_path, text, overrides)
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    return [fault.text().replace(f"{tmp_path}/", "") for fault in caught.value.faults]


def test_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    run = _load(tmp_path, NEEDED)
    assert (run.keep, run.on_missing, run.executor, run.threads, run.max_memory, run.max_price_age) == (
        "breaches",
        "refuse",
        "threads",
        None,
        None,
        None,
    )
    assert (run.max_excluded.accounts, run.max_excluded.gross_notional) == (0.01, 0.005)
    assert (run.as_of, run.reporting_currency, run.headline) == (None, None, None)
    assert (run.resources.insurance_fund, run.resources.skin_in_the_game, run.resources.default_fund) == (0.0, 0.0, None)
    assert run.output.formats == ("html", "pdf", "json")


def test_paths_start_at_the_run_file(tmp_path: Path) -> None:
    run = _load(tmp_path, NEEDED + "output: {folder: out}\n")
    assert run.snapshot == str(tmp_path / "snap")
    assert run.scenarios == (str(tmp_path / "a.yaml"), str(tmp_path / "sub/b.parquet"))
    assert run.margin == str(tmp_path / "margin.yaml")
    assert run.output.folder == str(tmp_path / "out")
    assert _load(tmp_path, NEEDED).output.folder == str(tmp_path / "runs")


def test_urls_and_absolute_paths_stay(tmp_path: Path) -> None:
    run = _load(tmp_path, "snapshot: s3://bucket/day\nscenarios: /etc/s.yaml\nmargin: m.yaml\n")
    assert run.snapshot == "s3://bucket/day"
    assert run.scenarios == ("/etc/s.yaml",)


def test_every_key_is_read(tmp_path: Path) -> None:
    run = _load(tmp_path, NEEDED + """
as_of: 2026-01-14T14:23:30+01:00
reporting_currency: USD
keep: worst
headline: [crash]
on_missing: exclude
max_excluded: {accounts: 0.02, gross_notional: 0.01}
max_price_age: 36h
reconciliation_tolerance: {relative: 1e-6}
resources: {insurance_fund: 10_000_000, skin_in_the_game: 1e6, default_fund: 5e7}
executor: processes
threads: 4
max_memory: 4GB
seed: 7
output: {folder: out, formats: [json, html, json]}
limits: [{name: bad data, built_in: failed_checks, amber: 0}]
""")  # fmt: skip
    assert run.as_of == datetime(2026, 1, 14, 13, 23, 30, tzinfo=UTC)
    assert (run.reporting_currency, run.keep, run.headline, run.on_missing) == ("USD", "worst", ("crash",), "exclude")
    assert (run.max_price_age, run.max_memory, run.threads, run.seed, run.executor) == (129600.0, 4_000_000_000, 4, 7, "processes")
    assert run.reconciliation_tolerance == Tolerance(relative=1e-6, absolute=1.0)
    assert run.resources.insurance_fund == 1e7
    assert [limit.name for limit in run.limits] == ["bad data"]
    assert run.output == Output(folder=str(tmp_path / "out"), formats=("json", "html"))


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("1.5h", 5400), ("2d", 172800), ("30", 30)])
def test_durations(tmp_path: Path, text: str, seconds: float) -> None:
    assert _load(tmp_path, NEEDED + f"max_price_age: {text}").max_price_age == seconds


@pytest.mark.parametrize(("text", "size"), [("500MB", 5 * 10**8), ("4GiB", 2**32), ("1.5 gb", 15 * 10**8), ("1000", 1000)])
def test_amounts_of_memory(tmp_path: Path, text: str, size: int) -> None:
    assert _load(tmp_path, NEEDED + f"max_memory: {text}").max_memory == size


@pytest.mark.parametrize(("line", "fault"), [
    ("as_of: 2026-01-14T13:23:30",
     "run.yaml:5, as_of: has no offset from UTC: 2026-01-14T13:23:30. Give date, time and offset, for example 2026-01-14T13:23:30Z."),
    ("as_of: 2026-01-14",
     "run.yaml:5, as_of: has no offset from UTC: 2026-01-14T00:00:00. Give date, time and offset, for example 2026-01-14T13:23:30Z."),
    ("as_of: yesterday",
     "run.yaml:5, as_of: must be a moment in ISO 8601, not 'yesterday'. Give date, time and offset, for example 2026-01-14T13:23:30Z."),
    ("threads: 0", "run.yaml:5, threads: must be at least 1, not 0"),
    ("threads: 1.5", "run.yaml:5, threads: must be a whole number, not 1.5"),
    ("threads: '4'", "run.yaml:5, threads: must be a whole number, not '4'. Write it without quotes."),
    ("keep: some", "run.yaml:5, keep: must be one of all, breaches, worst, not 'some'"),
    ("max_memory: lots", "run.yaml:5, max_memory: must be an amount of memory, not 'lots'. Write 500MB, 4GB, 4GiB, or a number of bytes."),
    ("max_price_age: 1w", "run.yaml:5, max_price_age: must be a duration, not '1w'. Write 90s, 15m, 36h, 2d, or a number of seconds."),
    ("max_excluded: {accounts: 2}", "run.yaml:5, max_excluded.accounts: must be at most 1, not 2"),
    ("output: {formats: [docx]}", "run.yaml:5, output.formats[0]: must be one of html, pdf, json, not 'docx'"),
    ("ouput: {}", "run.yaml:5, ouput: unknown key `ouput`. Did you mean `output`?"),
    ("seed: -1", "run.yaml:5, seed: must be at least 0, not -1"),
    ("reporting_currency: 5", "run.yaml:5, reporting_currency: must be text, not 5. Put it in quotes."),
])  # fmt: skip
def test_wrong_values_are_refused_with_their_line(tmp_path: Path, line: str, fault: str) -> None:
    assert _faults(tmp_path, NEEDED + line) == [fault]


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    assert _faults(tmp_path, "keep: 1\nthreads: x\n") == [
        "run.yaml:1, snapshot: `snapshot` is missing. Add `snapshot`.",
        "run.yaml:1, scenarios: `scenarios` is missing. Add `scenarios`.",
        "run.yaml:1, margin: `margin` is missing. Add `margin`.",
        "run.yaml:1, keep: must be one of all, breaches, worst, not 1",
        "run.yaml:2, threads: must be a whole number, not 'x'",
    ]


@pytest.mark.parametrize("line", [
    "report: {}",
])  # fmt: skip
def test_features_to_come_are_refused_by_name(tmp_path: Path, line: str) -> None:
    with pytest.raises(StressTestError) as caught:
        _load(tmp_path, NEEDED + line)
    assert caught.value.reason is Reason.NOT_IN_THIS_VERSION
    assert caught.value.faults[0].what == f"`{line.split(':', maxsplit=1)[0]}`: not in this version"


@pytest.mark.parametrize(("text", "words"), [
    (NEEDED + "output: {formats: [html, xlsx]}", "reports as xlsx: not in this version"),
    (NEEDED + "executor: cluster", "the executor `cluster`: not in this version"),
    ("version: 2\nsnapshot: s\nscenarios: []\nmargin: m", "format version 2: not in this version"),
])  # fmt: skip
def test_values_to_come_are_refused_as_such(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(StressTestError) as caught:
        _load(tmp_path, text)
    assert caught.value.reason is Reason.NOT_IN_THIS_VERSION
    assert caught.value.faults[0].what == words


# ---------------------------------------------------------------- overrides


def test_precedence_is_flag_then_set_then_environment_then_file_then_default(tmp_path: Path) -> None:
    file = NEEDED + "keep: all\nthreads: 1\nseed: 1\nexecutor: threads\n"
    overrides = overrides_from(
        {"STRESSTEST_THREADS": "2", "STRESSTEST_SEED": "2", "STRESSTEST_EXECUTOR": "processes", "STRESSTEST_KEEP": "", "HOME": "/"},
        {"threads": 4, "keep": None},
        ["seed=3", "threads=3"],
    )
    run = _load(tmp_path, file, overrides)
    assert (run.keep, run.executor, run.seed, run.threads, run.on_missing) == ("all", "processes", 3, 4, "refuse")


def test_text_is_typed_as_yaml_would(tmp_path: Path) -> None:
    overrides = overrides_from(
        {"STRESSTEST_OUTPUT_FORMATS": "json, html", "STRESSTEST_MAX_EXCLUDED_ACCOUNTS": "0.5", "STRESSTEST_AS_OF": "2026-01-14T00:00:00Z"},
        {"headline": "a,b"},
        ["max_excluded.gross_notional=1e-2", "threads=null", "resources={insurance_fund: 1_000}", "resources.skin_in_the_game=5"],
    )
    run = _load(tmp_path, NEEDED + "threads: 3\nmax_excluded: {gross_notional: 0.2}\n", overrides)
    assert run.output.formats == ("json", "html")
    assert (run.max_excluded.accounts, run.max_excluded.gross_notional) == (0.5, 0.01)
    assert run.headline == ("a", "b")
    assert run.threads is None
    assert (run.resources.insurance_fund, run.resources.skin_in_the_game) == (1000, 5)
    assert run.as_of == datetime(2026, 1, 14, tzinfo=UTC)


def test_paths_of_flags_start_at_the_working_directory(tmp_path: Path) -> None:
    overrides = overrides_from(
        {"STRESSTEST_MARGIN": "m.yaml"}, {"scenarios": ["x.yaml", Path("y.yaml")], "snapshot": "s3://b/x"}, [], Path("/srv/here")
    )
    run = _load(tmp_path, NEEDED, overrides)
    assert run.scenarios == ("/srv/here/x.yaml", "/srv/here/y.yaml")
    assert run.margin == "/srv/here/m.yaml"
    assert run.snapshot == "s3://b/x"


def test_faults_of_overrides_name_the_flag_or_variable(tmp_path: Path) -> None:
    overrides = overrides_from({"STRESSTEST_SEED": "x"}, {"output.formats": ["docx"], "max_memory": "lots"}, ["max_excluded.acounts=0.1"])
    assert _faults(tmp_path, NEEDED + "keep: no", overrides) == [
        "run.yaml:5, keep: must be one of all, breaches, worst, not 'no'",
        "--set max_excluded.acounts: unknown key `acounts`. Did you mean `accounts`?",
        "--max-memory, max_memory: must be an amount of memory, not 'lots'. Write 500MB, 4GB, 4GiB, or a number of bytes.",
        "STRESSTEST_SEED, seed: must be a whole number, not 'x'",
        "--formats, output.formats[0]: must be one of html, pdf, json, not 'docx'",
    ]


def test_unknown_variables_and_broken_sets_are_refused_together() -> None:
    with pytest.raises(StressTestError) as caught:
        overrides_from({"STRESSTEST_THREAD": "2"}, {}, ["threads"])
    assert [fault.text() for fault in caught.value.faults] == [
        "STRESSTEST_THREAD: no key of the run file has this variable. Did you mean `STRESSTEST_THREADS`?",
        "threads: `--set threads` has no value. Write --set key=value, for example --set output.folder=runs.",
    ]


def test_a_variable_that_resembles_no_key_is_to_be_unset() -> None:
    with pytest.raises(StressTestError) as caught:
        overrides_from({"STRESSTEST_FOO": "1"}, {})
    (fault,) = caught.value.faults
    assert (fault.path, fault.hint.partition(";")[0]) == ("STRESSTEST_FOO", "Unset it")


def test_an_override_does_not_change_what_the_document_says(tmp_path: Path) -> None:
    assert _load(tmp_path, NEEDED + "reconciliation_tolerance: 1e-3", {"reconciliation_tolerance.absolute": Override(2.0, "test")}) \
        .reconciliation_tolerance == Tolerance(relative=1e-3, absolute=2.0)  # fmt: skip


def test_the_schema_can_be_printed() -> None:
    schema = RunFile.model_json_schema()
    assert json.loads(json.dumps(schema))["required"] == ["snapshot", "scenarios", "margin"]


@pytest.mark.skipif(not SHARED.exists(), reason="recorded data is not here")
@pytest.mark.parametrize("name", ["hyperliquid_2026_01_14", "mango_2021_10_04"])
def test_recorded_run_files_load(name: str) -> None:
    run = load_run(SHARED / name / "run.yaml")
    assert run.reporting_currency == "USD"
    assert Path(run.snapshot).is_dir()
    assert run.output.formats == ("json",)
