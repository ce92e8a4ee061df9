"""`limits:` of the run file: what may be written, and every fault at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stresstest.config import RunFile, load_run
from stresstest.config.built_in_limits import BUILT_INS
from stresstest.errors import StressTestError

NEEDED = "version: 1\nsnapshot: s\nscenarios: []\nmargin: m\nlimits:\n"


def _load(folder: Path, *limits: str, **overrides: Any) -> RunFile:
    path = folder / "run.yaml"
    path.write_text(NEEDED + "".join(f"  - {limit}\n" for limit in limits))
    return load_run(path, overrides)


def _faults(folder: Path, *limits: str) -> list[str]:
    with pytest.raises(StressTestError) as caught:
        _load(folder, *limits)
    return [f"{fault.line} {fault.path}: {fault.what}" for fault in caught.value.faults]


def test_a_limit_is_read_whole(tmp_path: Path):
    text = (
        "{name: Fund, built_in: cover_2_to_resources, basis: uncollateralised_loss, amber: 0.8, red: 1, owner: Risk, scope: book, description: why}"
    )
    (limit,) = _load(tmp_path, text).limits
    assert (limit.name, limit.basis, limit.amber, limit.red, limit.owner, limit.scope, limit.description) == (
        "Fund", "uncollateralised_loss", 0.8, 1.0, "Risk", "book", "why",
    )  # fmt: skip
    assert "cover_2_uncollateralised_loss" in limit.query


@pytest.mark.parametrize(
    ("thresholds", "side"),
    [
        ("amber: 1, red: 2", "above"),
        ("amber: 2, red: 1", "below"),
        ("red: 1", "above"),
        ("amber: 1", "above"),
        ("amber: 1, worse: below", "below"),
        ("amber: 1, red: 1, worse: below", "below"),
        ("amber: 1, red: 1, worse: above", "above"),
        ("amber: 2, red: 1, worse: below", "below"),
    ],
)
def test_the_order_of_the_thresholds_says_what_is_bad(tmp_path: Path, thresholds: str, side: str):
    (limit,) = _load(tmp_path, f"{{name: a, built_in: failed_checks, {thresholds}}}").limits
    assert limit.worse_side == side


def test_every_fault_is_told_at_once_with_its_line(tmp_path: Path):
    found = _faults(
        tmp_path,
        "{name: a, built_in: cover_3_to_resources, red: 1}",
        "{name: b, red: 1}",
        '{name: c, built_in: failed_checks, sql: "SELECT 1", red: 1}',
        "{name: d, built_in: failed_checks}",
        "{name: e, built_in: failed_checks, amber: 1, red: 1}",
        "{name: f, built_in: failed_checks, amber: 1, red: 2, worse: below}",
        "{name: g, built_in: failed_checks, red: .nan}",
        "{name: h, built_in: failed_checks, top: 5, red: 1}",
        "{name: t, built_in: open_interest_top_share, top: 3, red: 1}",
        '{name: i, sql: "SELECT 1", basis: uncollateralised_loss, red: 1}',
        "{name: j, built_in: failed_checks, unit: money, red: 1}",
        "{name: k, built_in: failed_checks, limit: 1, red: 1}",
        "{built_in: failed_checks, red: 1}",
    )
    assert found == [
        "6 limits[0].built_in: no built-in limit is called 'cover_3_to_resources'",
        "7 limits[1]: measures nothing",
        "8 limits[2].sql: stands beside `built_in`",
        "9 limits[3]: has no threshold",
        "10 limits[4].red: is the same as `amber`, which leaves open what is bad",
        "11 limits[5].worse: contradicts the thresholds: red is above amber",
        "12 limits[6].red: must be a finite number, not nan",
        "13 limits[7].top: is no parameter of `failed_checks`",
        "14 limits[8].top: must be 1, 5 or 10, not 3",
        "15 limits[9].basis: is no parameter of sql",
        "16 limits[10].unit: is known of a built-in",
        "17 limits[11].limit: unknown key `limit`",
        "18 limits[12].name: `name` is missing",
    ]


def test_a_name_stands_for_one_limit(tmp_path: Path):
    limits = [
        "{name: a, built_in: failed_checks, red: 1}",
        "{name: b, built_in: failed_checks, red: 1}",
        "{name: a, built_in: warned_checks, red: 1}",
    ]
    assert _faults(tmp_path, *limits) == ["8 limits[2].name: 'a' is the name of limit 1 too"]


def test_a_built_in_that_resembles_is_suggested(tmp_path: Path):
    with pytest.raises(StressTestError, match="Did you mean `cover_2_to_resources`"):
        _load(tmp_path, "{name: a, built_in: cover_2_to_resource, red: 1}")


def test_limits_may_be_laid_over_the_file(tmp_path: Path):
    found = _load(tmp_path, "{name: a, built_in: failed_checks, red: 1}", limits=[{"name": "b", "sql": "SELECT 1", "unit": "days", "red": 2}])
    assert [(limit.name, limit.query, limit.measured_in) for limit in found.limits] == [("b", "SELECT 1", "days")]


def test_parameters_take_their_places():
    assert all("{" not in each.query() for each in BUILT_INS.values())
    assert all(
        ("{basis}" in each.sql) == ("basis" in each.parameters) and ("{top}" in each.sql) == ("top" in each.parameters) for each in BUILT_INS.values()
    )
