"""`stresstest reverse --plausible` and `--worst-loss` as a person and a program see them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from runs.plain_book import write_moving

from stresstest.errors import ExitCode

Call = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("made_once")


@pytest.fixture
def moving(run_file: Path, tmp_path: Path) -> Path:
    """The snapshot of the plain book, in which the coin has moved by 10 % a day."""
    write_moving(run_file.parent / "snapshot", tmp_path / "moving")
    return tmp_path / "moving"


def test_what_a_person_reads(stresstest: Call, run_file: Path, moving: Path):
    """Account 1 is long one coin at 100 with 10 dollars: gone, but for a cent, at -10.01 %, 1.001 moves of 10 % away. Phi(-1.001) = 0.158."""
    words = ("--plausible", "--returns", "relative", "--snapshot", moving, "--out", "likeliest.yaml")
    done = stresstest("reverse", run_file, "--target", "default:a000001", *words, "-q")
    assert done.returncode == ExitCode.DONE, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "The likeliest move at which account a000001 is in default: 1.0010 standard deviations away, exact"
    assert any(line.split() == ["spot:BTC", "-10.01%", "-1.00"] for line in lines)
    assert "half-space probability 0.158 (normal)" in done.stdout
    assert "24 relative moves from 2026-10-27 to 2026-11-19 of 1 factor, over 1 day" in done.stdout
    assert "likeliest.yaml" in lines[-1]
    listed = stresstest("scenarios", "list", "likeliest.yaml")
    assert "reverse.plausible" in listed.stdout


def test_the_worst_inside(stresstest: Call, run_file: Path, moving: Path):
    """Accounts of 1, 2 and 3 coins with 10 dollars a coin: a fall of 20 % takes 20 a coin, and leaves 6 * 10 uncovered."""
    done = stresstest("reverse", run_file, "--worst-loss", "2", "--returns", "relative", "--snapshot", moving, "--json")
    document = json.loads(done.stdout)
    assert (document["question"], document["target"]) == ("worst", "uncollateralised-loss")
    assert document["figure"] == pytest.approx(60.0, rel=1e-9)
    assert document["moves"][0]["size"] == pytest.approx(-0.2, rel=1e-9)


def test_nothing_found_is_no_error(stresstest: Call, run_file: Path, moving: Path):
    words = ("--plausible", "--most", "0.5", "--snapshot", moving, "--out", "likeliest.yaml")
    done = stresstest("reverse", run_file, "--target", "default:a000001", *words)
    assert done.returncode == ExitCode.DONE
    assert "not reachable within 0.5 standard deviations" in done.stdout
    assert "no scenario found: likeliest.yaml was not written" in done.stderr
    assert not Path("likeliest.yaml").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--plausible", "--target", "default:a000001"), "plausibility needs a history"),
        (("--plausible",), "nothing is looked for"),
        (("--plausible", "--target", "cover-2"), "the run states no resources that cover-2 could exceed"),
        (("--plausible", "--target", "uncollateralised-loss"), "the run states no insurance fund"),
        (("--plausible", "--target", "accounts-in-default:4"), "the book has 3 accounts"),
        (("--plausible", "--target", "default:a000001", "--along", "crash"), "--plausible does not go with --along"),
        (("--plausible", "--frontier"), "--plausible does not go with --frontier"),
        (("--worst-loss", "3", "--most", "2"), "--worst-loss does not go with --most"),
    ],
)
def test_refusals(stresstest: Call, run_file: Path, words: tuple[str, ...], says: str):
    done = stresstest("reverse", run_file, *words)
    assert done.returncode != ExitCode.DONE
    assert says in done.stderr
