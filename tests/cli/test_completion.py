"""Tab completion, asked as shells ask: environment variables in, words out."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stresstest.cli import completion

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data"
COMMAND = [sys.executable, "-c", "import sys; sys.argv[0] = 'stresstest'; from stresstest.cli.main import main; main()"]


def ask(environment: dict[str, str], folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("STRESSTEST_", "_STRESSTEST_", "_TYPER_", "COMP_"))}
    return subprocess.run(COMMAND, env=clean | environment, cwd=folder, capture_output=True, text=True, check=False)


def complete(words: str, folder: Path = ROOT) -> list[str]:
    """What bash is offered for the last word (empty, where the words end in a space)."""
    number = len(words.split()) - (0 if words.endswith(" ") else 1)
    done = ask({"_STRESSTEST_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(number)}, folder)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(("words", "offered"), [
    ("stresstest scenarios show sample_data/scenarios.yaml --id coin_", ["coin_deleveraging_2021_intraday", "coin_liquidations_2025_intraday",
                                                                         "coin_rally", "coin_vol_up_25"]),
    ("stresstest scenarios show sample_data/scenarios.yaml --id coin_rally --id lu", ["luna_2022_week"]),
    ("stresstest scenarios expand sample_data/run.yaml --out f.csv --id bri", ["bridge_loss"]),
    ("stresstest scenarios expand --id bri sample_data/run.yaml", []),  # the files are not known yet where the word stands
    ("stresstest scenarios show sample_data/scenarios.yaml --id zzz", []),
    ("stresstest explain nowhere --scenario ", ["base"]),
    ("stresstest scenarios l", ["list", "lint"]),
    ("stresstest margins show derive_pm", ["derive_pmrm", "derive_pmrm2"]),
])  # fmt: skip
def test_bash_is_offered_the_ids_of_the_files_named_before(words: str, offered: list[str]):
    assert complete(words) == offered


def test_explain_completes_from_the_result_folder(finished: Path):
    assert complete(f"stresstest explain {finished} --account a000001 --scenario ") == ["base", "dip", "crash"]
    assert complete(f"stresstest explain {finished} --account a") == []


def test_bash_makes_three_words_of_a_library(tmp_path: Path):
    whole = complete("stresstest scenarios show library:crisis --id luna", tmp_path)
    assert whole == complete("stresstest scenarios show library : crisis --id luna", tmp_path)
    assert all(each.startswith("luna") for each in whole)
    assert whole


@pytest.mark.parametrize(("words", "offered"), [
    ("stresstest run run.yaml --scenarios lib", ["library:crisis", "library:standard"]),
    ("stresstest run run.yaml --scenarios library : s", ["standard"]),  # bash keeps `library:` and adds to it
    ("stresstest run run.yaml --scenarios library :", ["crisis", "standard"]),
    ("stresstest scenarios show lib", ["library:crisis", "library:standard", "libor.yaml"]),
    ("stresstest scenarios show library : crisis library : st", ["standard"]),
    ("stresstest scenarios show ", ["library:crisis", "library:standard", "libor.yaml", "own/", "run.yaml"]),
    ("stresstest scenarios list lib", ["library:crisis", "library:standard", "libor.yaml"]),
    ("stresstest scenarios lint run.yaml library:c", ["library:crisis"]),
    ("stresstest scenarios expand run.yaml lib", ["library:crisis", "library:standard", "libor.yaml"]),
    ("stresstest scenarios show ow", []),  # left to the shell
])  # fmt: skip
def test_libraries_are_offered_where_a_scenario_file_may_be_named(tmp_path: Path, words: str, offered: list[str]):
    (tmp_path / "own").mkdir()
    for name in ("libor.yaml", "run.yaml", ".hidden.yaml"):
        (tmp_path / name).touch()
    if "run run" in words:
        (tmp_path / "libor.yaml").unlink()
    assert complete(words, tmp_path) == offered


def test_zsh_takes_a_library_as_one_word():
    zsh = ask({"_STRESSTEST_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "stresstest run run.yaml --scenarios library:c"})
    assert "crisis" in zsh.stdout
    assert "standard" not in zsh.stdout


def test_the_examples_are_true():
    assert doctest.testmod(completion).failed == 0


def test_files_behind_a_run_file_are_meant_instead_of_its_own(tmp_path: Path):
    (tmp_path / "own.yaml").write_text("scenarios: [{id: mine}]")
    assert complete(f"stresstest scenarios expand {SAMPLE / 'run.yaml'} own.yaml --id ", tmp_path) == ["base", "mine"]


def test_zsh_and_fish_are_answered_in_their_ways():
    words = f"stresstest scenarios show {SAMPLE / 'scenarios.yaml'} --id "
    zsh = ask({"_STRESSTEST_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": words + "lun"})
    assert '"luna_2022_week"' in zsh.stdout
    fish = {"_STRESSTEST_COMPLETE": "complete_fish"}
    assert ask(fish | {"_TYPER_COMPLETE_FISH_ACTION": "get-args", "_TYPER_COMPLETE_ARGS": words + "lun"}).stdout.split() == ["luna_2022_week"]
    asked = [ask(fish | {"_TYPER_COMPLETE_FISH_ACTION": "is-args", "_TYPER_COMPLETE_ARGS": words + word}).returncode for word in ("lun", "zzz")]
    assert asked == [0, 1]


def test_the_script_for_a_shell_is_shown():
    clean = {name: value for name, value in os.environ.items() if not name.startswith("_")}
    done = subprocess.run([*COMMAND, "--show-completion", "bash"], env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "_STRESSTEST_COMPLETE=complete_bash" in done.stdout


# Typer converts the words typed so far with pydantic.
HEAVY = ("altair", "duckdb", "jinja2", "numba", "numpy", "polars", "pyarrow", "ruamel", "scipy", "weasyprint")


def test_completion_imports_nothing_heavy(finished: Path):
    code = f"""
import os, sys
sys.argv = ["stresstest"]
from stresstest.cli.main import main
try:
    main()
except SystemExit:
    pass
print(",".join(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)
"""
    ids, of_a_run = f"stresstest scenarios show {SAMPLE / 'scenarios.yaml'} --id l", f"stresstest explain {finished} --scenario c"
    for words in (ids, of_a_run, "stresstest run run.yaml --scenarios lib"):
        asked = {"_STRESSTEST_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
        done = subprocess.run([sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True, check=True)
        assert done.stderr.strip() == ""
        assert done.stdout.strip()
