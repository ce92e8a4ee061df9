"""`stresstest reverse` as a person and a program see it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stresstest.errors import ExitCode

Call = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("made_once")


def test_what_a_person_reads(stresstest: Call, run_file: Path):
    done = stresstest("reverse", run_file, "--target", "default:a000001", "--along", "crash", "--along", "dip", "--along", "spot:BTC:up", "-q")
    assert done.returncode == ExitCode.DONE
    lines = done.stdout.splitlines()
    assert lines[0] == "The smallest shock at which account a000001 is in default:"
    # A loss of 10.01 of 100: 0.5^t = 0.8999, 0.95^t = 0.8999.
    assert lines[2].split() == ["along", "multiple", "just", "before", "(USD)", "there", "(USD)"]
    assert lines[3].split() == ["crash", "0.152163", "0.01", "0.01"]
    assert lines[4].split() == ["dip", "2.05625", "0.01", "0.01"]
    assert "crash: largest moves BTC -10.01%." in done.stdout
    assert "No plausibility: the snapshot has no history." in done.stdout
    assert lines[-1].split()[:1] == ["spot:BTC:up"]
    assert lines[-1].endswith("not reachable within +400%")
    assert done.stderr == ""


def test_the_scenario_found_is_written_and_shown(stresstest: Call, run_file: Path):
    done = stresstest("reverse", run_file, "--target", "accounts-in-default:3", "--out", "found.yaml", "--json")
    document = json.loads(done.stdout)
    assert document["file"] == str(Path("found.yaml").absolute())
    # The third and largest account's cent of tolerance is the smallest share: the first, with 0.01 of 100, comes last.
    assert [each["along"] for each in document["answers"]] == ["crash", "dip"]
    assert document["answers"][0]["multiple"] == pytest.approx(0.15216339, rel=1e-6)
    assert document["answers"][0]["left"]["figure"] == 2.0
    listed = stresstest("scenarios", "list", "found.yaml")
    assert "reverse.accounts-in-default.crash" in listed.stdout
    again = stresstest("reverse", run_file, "--target", "default:a000001", "--out", "found.yaml")
    assert again.returncode == ExitCode.CONFIGURATION
    assert "there already" in again.stderr
    words = ("--along", "spot:*:down", "--out", "found.yaml", "--force", "-q")
    assert stresstest("reverse", run_file, "--target", "default:a000001", *words).returncode == ExitCode.DONE
    assert "reverse.default.a000001.spot_all_down" in stresstest("scenarios", "list", "found.yaml").stdout


def test_nothing_found_is_no_error(stresstest: Call, finished: Path):
    done = stresstest("reverse", finished, "--target", "default:a000001", "--along", "dip", "--most", "2", "--out", "found.yaml")
    assert done.returncode == ExitCode.DONE
    assert "not reachable within 2\n" in done.stdout
    assert "no scenario found: found.yaml was not written" in done.stderr
    assert not Path("found.yaml").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--target", "default:a1"), "no account `a1`"),
        (("--target", "cover-3"), "Did you mean `cover-"),
        (("--target", "cover-2"), "states no resources"),
        (("--target", "default:a000001", "--along", "crush"), "Did you mean `crash`?"),
        (("--target", "default:a000001", "--out", "found.txt"), ".yaml or .parquet"),
        (("--target", "default:a000001", "--tolerance", "nan"), "tolerance"),
    ],
)
def test_misuse_leaves_with_2(stresstest: Call, run_file: Path, words: tuple[str, ...], says: str):
    done = stresstest("reverse", run_file, *words)
    assert done.returncode == ExitCode.CONFIGURATION
    assert done.stdout == ""
    assert says in done.stderr


def test_a_resource_can_be_stated_on_the_way(stresstest: Call, run_file: Path):
    done = stresstest("reverse", run_file, "--target", "uncollateralised-loss", "--along", "crash", "--set", "resources.insurance_fund=240", "--json")
    (answer,) = json.loads(done.stdout)["answers"]
    # All defaults of `crash` are 40 x 6 = 240 together, at exactly once the scenario.
    assert answer["multiple"] == pytest.approx(1.0, rel=2e-9)
    assert answer["right"]["figure"] > 240.0


def test_a_frontier_for_people(stresstest: Call, run_file: Path):
    words = ("--along", "crash", "--set", "resources.insurance_fund=60", "--multiples", "1:2:2", "-q")
    done = stresstest("reverse", run_file, "--frontier", *words)
    assert done.returncode == ExitCode.DONE
    lines = done.stdout.splitlines()
    assert lines[0] == "The smallest shock at which so many defaults exhaust the prefunded resources of 60.00 USD:"
    # Losses over margin of k contracts at 50: 50 k - 10 k. The largest owner alone loses 120.
    assert lines[5] == "No owner can be called for an assessment (`owners.assessment_cap`): the prefunded resources are all there are."
    row = next(line for line in lines if line.startswith("       1"))
    assert row.split() == ["1", "120.00", "200.00", "240.00", "240.00", "240.00", "a000003"]


def test_a_grid_for_people(stresstest: Call, run_file: Path):
    """Two contracts at 100 with 20: in default from a fall of 10.005 % on, whatever the margin."""
    words = ("--grid", "margin_rate:*=0:1:2", "spot:BTC=0:-0.5:6", "-q")
    done = stresstest("reverse", run_file, "--target", "default:a000001", *words)
    assert done.returncode == ExitCode.DONE
    lines = done.stdout.splitlines()
    assert lines[0] == "Where account a000001 is in default, margin_rate:* by spot:BTC (X hit, . not):"
    assert lines[2].split() == ["margin_rate:*", "+0%", "to", "-50%", "hit", "from", "spot:BTC", "there", "(USD)"]
    assert lines[3].split() == ["+0%", "..XXXX", "-10.01%", "0.01"]
    assert lines[4].split()[:2] == ["+100%", "..XXXX"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "either --target or --frontier"),
        (("--target", "cover-2", "--grid", "spot:BTC=0:1:3", "vol:BTC=0:1:3", "--along", "crash"), "--grid does not go with --along"),
        (("--frontier", "--target", "cover-2"), "either --target or --frontier"),
        (("--frontier", "--out", "found.yaml"), "no single scenario"),
        (("--frontier", "--multiples", "1:2"), "FIRST:LAST:NUMBER"),
        (("--target", "default:a000001", "--multiples", "1:2:3"), "--multiples is of --frontier"),
    ],
)
def test_questions_that_exclude_each_other(stresstest: Call, run_file: Path, words: tuple[str, ...], says: str):
    done = stresstest("reverse", run_file, *words)
    assert done.returncode == ExitCode.CONFIGURATION
    assert says in done.stderr
