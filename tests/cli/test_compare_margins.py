from __future__ import annotations

import json
from pathlib import Path

import polars
import pytest

from stresstest.errors import ExitCode

pytestmark = pytest.mark.usefixtures("made_once")

MODELS = "models: {half: {kind: tiered, positive_pnl_weight: 0.5}, net: {kind: tiered, net_by: underlying}}\n"


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plain book with two models more. Nets need a schedule of the underlying, which it has not."""
    from runs.plain_book import write_plain_book

    run_file = write_plain_book(tmp_path_factory.mktemp("models") / "book", 3)
    margin = run_file.parent / "margin.yaml"
    margin.write_text(margin.read_text() + MODELS)
    return run_file


def test_models_and_positions_are_set_side_by_side(stresstest, book: Path):
    done = stresstest("compare-margins", book, "--models", "default,half", "--out", "out")
    assert (done.returncode, done.stdout) == (ExitCode.DONE, f"{Path.cwd() / 'out'}\n")
    lines = [line.split() for line in done.stderr.splitlines()]
    # 60 and 30 are 10 and 5 % of six contracts at 100; `crash` leaves 42.5 times six missing, in all three accounts.
    assert ["default", "(own)", "60", "30", "255", "crash", "3"] in lines
    assert ["half", "60", "30", "255", "crash", "3", "0", "0"] in lines
    assert ["initial", "margin", "60", "60", "+0"] in lines
    assert stresstest("compare-margins", book, "--models", "default,half", "--out", "quiet", "-q").stderr == ""


def test_without_models_all_are_compared_and_the_document_has_the_figures(stresstest, book: Path):
    net = ["--set", "margin=without_net.yaml"]
    Path("without_net.yaml").write_text((book.parent / "margin.yaml").read_text().replace(", net: {kind: tiered, net_by: underlying}", ""))
    content = json.loads(stresstest("compare-margins", book, *net, "--out", "out", "--no-isolated", "--json").stdout)
    assert [each["model"] for each in content["comparison"]["models"]] == ["default", "half"]
    assert content["comparison"]["isolation"] is None
    again = json.loads(stresstest("compare-margins", book, *net, "--out", "out", "--no-isolated", "--json").stdout)
    assert (again["repeated"], again["comparison"]) == (True, content["comparison"])


def test_a_model_that_the_book_lacks_schedules_for_is_refused(stresstest, book: Path):
    done = stresstest("compare-margins", book, "--models", "net", "--out", "out")
    assert done.returncode == ExitCode.INPUT_REFUSED
    assert "whose model nets by underlying, without a margin schedule" in done.stderr
    assert not Path("out").exists()


def test_a_model_that_is_none_is_told_with_the_nearest(stresstest, book: Path):
    done = stresstest("compare-margins", book, "--models", "default,hal")
    assert done.returncode == ExitCode.CONFIGURATION
    assert "no model `hal`" in done.stderr
    assert "`half`" in done.stderr


def test_presets_are_compared_without_a_margin_file_that_has_them(stresstest, book: Path):
    done = stresstest("compare-margins", book, "--models", "default,tims", "--out", "out", "--no-isolated")
    assert done.returncode == ExitCode.DONE
    in_the_file = book.parent / "margin.yaml"
    Path("with_preset.yaml").write_text(in_the_file.read_text().replace("models: {", "models: {tims: {preset: tims}, "))
    again = stresstest("compare-margins", book, "--set", "margin=with_preset.yaml", "--models", "default,tims", "--out", "same", "--no-isolated")
    assert again.stderr == done.stderr
    assert stresstest("compare-margins", book, "--models", "tims,spanish16").stderr.endswith("Did you mean `span16`?\n")
    assert "margin_as_given.yaml" in [file.name for file in Path("out/inputs").iterdir()]


def test_a_run_under_a_preset_can_be_explained(stresstest, book: Path):
    assert stresstest("run", book, "--margin-model", "tims", "--formats", "json", "--out", "preset").returncode == ExitCode.DONE
    account = polars.read_parquet("preset/account_summary.parquet")["account_id"][0]
    done = stresstest("explain", "preset", "--account", account, "--scenario", "base")
    assert done.returncode == ExitCode.DONE
    assert "scan -1 x" in done.stdout
