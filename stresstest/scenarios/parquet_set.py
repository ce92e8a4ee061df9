"""Large scenario sets in one Parquet file: a row per shock, checked column by column.

Columns: `scenario_id`, `ord` (order of the shocks of a scenario), `factor`, `shift`, `value`, and optionally `where`,
`term` (JSON, as in the YAML format), `share`, `annualised`, `mode`, `shock_source`, `shock_grade`, and per scenario, the same in all
its rows, `name`, `family`, `headline`, `horizon_days`, `decay`, `source`, `weight`, `grade`, `any_book`. Scenarios come in the order in
which they first appear.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import polars as pl
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from stresstest.documents import examine, resembling, suggest
from stresstest.errors import Fault, Reason, StressTestError
from stresstest.scenarios.factors import SHIFTS, split_factor
from stresstest.scenarios.model import HEADLINE_FAMILIES, Family, Grade, Shock, Term, Where, check_factor, check_id
from stresstest.scenarios.scenario_set import PROVENANCE, SHOCKS, Scenario
from stresstest.snapshot.parquet_file import DamagedFileError, inspect

_TEXT, _WHOLE, _NUMBER, _FLAG = "text", "whole numbers", "numbers", "true or false"
_COLUMNS = {
    "scenario_id": _TEXT, "ord": _WHOLE, "factor": _TEXT, "shift": _TEXT, "value": _NUMBER, "share": _NUMBER, "where": _TEXT, "term": _TEXT,
    "annualised": _FLAG, "mode": _TEXT, "name": _TEXT, "family": _TEXT, "headline": _FLAG, "horizon_days": _NUMBER, "decay": _FLAG,
    "source": _TEXT, "weight": _NUMBER, "grade": _TEXT, "any_book": _FLAG, "shock_source": _TEXT, "shock_grade": _TEXT,
}  # fmt: skip
_REQUIRED = ("scenario_id", "ord", "factor", "shift", "value")
_OF_SCENARIO = ("name", "family", "headline", "horizon_days", "decay", "source", "weight", "grade", "any_book")
_TYPES: dict[str, pl.DataType] = {_TEXT: pl.String(), _WHOLE: pl.Int64(), _NUMBER: pl.Float64(), _FLAG: pl.Boolean()}
_DEFAULTS: dict[str, str | bool | float] = {
    "annualised": False, "mode": "compound", "family": "hypothetical", "horizon_days": 1.0, "decay": False, "any_book": False,
}  # fmt: skip


class _Checks:
    """Collects faults of one set."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []

    def add(self, what: str, hint: str = "", column: str | None = None, rows: pl.DataFrame | None = None) -> None:
        """A fault of a column; `rows` are those that have it (their scenarios are named)."""
        keys = () if rows is None else tuple(str(key) for key in rows["scenario_id"].unique(maintain_order=True).head(5))
        count = None if rows is None else rows.height
        self.faults.append(Fault(what, hint, file=self.file, table="scenario set", column=column, rows=count, keys=keys))

    def rows(self, frame: pl.DataFrame, bad: pl.Expr, what: str, hint: str, column: str) -> None:
        """A fault where any row is bad."""
        rows = frame.filter(bad)
        if rows.height:
            self.add(what, hint, column, rows)

    def values(self, frame: pl.DataFrame, column: str, judge: Callable[[str], tuple[str, str] | None]) -> None:
        """A fault (what, hint) for each distinct value of a column that is judged to be one."""
        for value in frame[column].drop_nulls().unique(maintain_order=True):
            verdict = judge(value)
            if verdict is not None:
                self.add(*verdict, column, frame.filter(pl.col(column) == value))

    def refuse(self) -> None:
        """Raises what was collected, if anything."""
        if self.faults:
            raise StressTestError(Reason.SCENARIO, f"{self.file} has faults", self.faults)


def read_parquet_set(path: Path) -> tuple[tuple[Scenario, ...], pl.DataFrame]:
    """Scenarios and shock table (columns `SHOCKS`, scenarios numbered from 0) of a Parquet set.

    Raises:
        StressTestError: reason SCENARIO, with every fault, the column, the number of rows and the first scenarios.
    """
    checks = _Checks(str(path))
    raw = _read(path, checks)
    frame = _typed(raw, checks)
    _check_columns(frame, checks)
    checks.refuse()
    frame = _numbered(frame)
    # Sorted by scenario and ord, so what stands twice stands together.
    twice = (pl.col("scenario") == pl.col("scenario").shift()) & (pl.col("ord") == pl.col("ord").shift())
    checks.rows(frame, twice, "stands twice in a scenario", "Number the shocks of a scenario 0, 1, 2, ...", "ord")
    _check_combinations(frame, checks)
    scenarios = _scenarios(frame, path, tuple(name for name in _OF_SCENARIO if name in raw.columns), checks)
    checks.refuse()
    where = _canonical(frame, "where", lambda text: Where.model_validate(json.loads(text)).canonical())
    term = _canonical(frame, "term", lambda text: Term.model_validate(json.loads(text)).canonical())
    frame = frame.with_columns(where, term).drop(PROVENANCE).rename({f"shock_{name}": name for name in PROVENANCE})
    return scenarios, frame.select(pl.col(name).cast(kind) for name, kind in SHOCKS.items())


def _check_columns(frame: pl.DataFrame, checks: _Checks) -> None:
    for column in _REQUIRED:
        if frame[column].null_count():
            checks.rows(frame, pl.col(column).is_null(), "is null", "Every shock needs it.", column)
    checks.rows(frame, ~pl.col("value").is_finite(), "is not finite", "Leave the shock out, or give a number.", "value")
    checks.rows(frame, ~pl.col("share").is_finite(), "is not finite", "Leave it out, or give a number.", "share")
    partial = pl.col("share").is_not_null() & (pl.col("shift") != "replace")
    checks.rows(frame, partial, "`share` is how far a `replace` goes", "Leave it out, or make the shift smaller.", "share")
    checks.values(frame, "scenario_id", lambda value: _verdict(check_id, value))
    checks.values(frame, "factor", lambda value: _verdict(check_factor, value))
    checks.values(frame, "shift", lambda value: _choice(value, SHIFTS))
    checks.values(frame, "mode", lambda value: _choice(value, ("compound", "linear")))
    checks.values(frame, "family", lambda value: _choice(value, get_args(Family)))
    for column in ("grade", "shock_grade"):
        checks.values(frame, column, lambda value: _choice(value, get_args(Grade)))
    checks.values(frame, "where", lambda value: _json_fault(Where, value))
    checks.values(frame, "term", lambda value: _json_fault(Term, value))
    for column in ("horizon_days", "weight"):
        bad = ~pl.col(column).is_between(0.0, float("inf"), closed="left")
        checks.rows(frame, bad, "is below zero or not finite", "Give a number of 0 or more.", column)


def _read(path: Path, checks: _Checks) -> pl.DataFrame:
    """The known columns of the file; each other column is a fault: misspelt (`were`, `headlines`) it would do nothing.

    Its pages are walked before Polars decodes them in this process: a reader given pages that contradict each other may take the process
    along. What gets past the walk (a flipped bit inside a page without checksum) ends in an error or in a panic, which is no `Exception`.
    """
    try:
        facts = inspect(path)
        frame = pl.read_parquet(path, columns=[name for name in facts.columns if name in _COLUMNS])
    except FileNotFoundError:
        checks.add("no such file", "Check the path; paths in a file are relative to that file.")
    except pl.exceptions.PanicException:
        checks.add("cannot be read: its pages are damaged, and the reader gave up on them", "Write the file again.")
    except (DamagedFileError, OSError, pl.exceptions.PolarsError) as error:
        checks.add(f"cannot be read: {str(error).splitlines()[0] if str(error) else type(error).__name__}", "Write the file again.")
    else:
        for name in facts.columns:
            if name not in _COLUMNS:
                checks.add(f"unknown column `{name}`", suggest(name, list(_COLUMNS), "Columns"), name)
        return frame
    checks.refuse()
    raise AssertionError("a fault was just added")


def _typed(frame: pl.DataFrame, checks: _Checks) -> pl.DataFrame:
    """The known columns in their types, absent ones filled with defaults."""
    columns: list[pl.Expr] = []
    for name, kind in _COLUMNS.items():
        if name not in frame.columns:
            if name in _REQUIRED:
                checks.add("the column is missing", f"A scenario set has {', '.join(_REQUIRED)}.", name)
            columns.append(pl.lit(_DEFAULTS.get(name), dtype=_TYPES[kind]).alias(name))
            continue
        given = frame.schema[name]
        fits = {
            _TEXT: given in (pl.String, pl.Categorical, pl.Enum, pl.Null),
            _WHOLE: given.is_integer(),
            _NUMBER: given.is_numeric() or given == pl.Null,
            _FLAG: given in (pl.Boolean, pl.Null),
        }[kind]
        if not fits:
            checks.add(f"holds {given}, not {kind}", column=name)
        columns.append(pl.col(name).cast(_TYPES[kind]).fill_null(_DEFAULTS[name]) if name in _DEFAULTS else pl.col(name).cast(_TYPES[kind]))
    if frame.height == 0:
        checks.add("has no rows", "A scenario without shocks is the base, which is always computed.")
    checks.refuse()
    # Few distinct texts in many rows: as categories they compare and join as integers.
    return frame.select(columns).with_columns(pl.col("scenario_id", "factor").cast(pl.Categorical))


def _numbered(frame: pl.DataFrame) -> pl.DataFrame:
    """Scenarios numbered in order of appearance, rows sorted by scenario and ord."""
    order = frame.select("scenario_id").unique(maintain_order=True).with_row_index("scenario")
    return frame.join(order, on="scenario_id", how="left", maintain_order="left").sort("scenario", "ord")


def _check_combinations(frame: pl.DataFrame, checks: _Checks) -> None:
    """Shift, filter, term and annualising against the factor type, once per distinct combination."""
    key = ["factor", "where", "shift", "annualised", "term", "mode"]
    seen: set[tuple[object, ...]] = set()
    for row in frame.select(key).unique(maintain_order=True).iter_rows(named=True):
        kind = split_factor(row["factor"])[0]
        # What a combination may be depends on the type of the factor, not on its name.
        combination = (kind, *(row[name] for name in key[1:]))
        if combination in seen:
            continue
        seen.add(combination)
        shock = {
            "factor": row["factor"], row["shift"]: 0.0, "mode": row["mode"], "annualised": row["annualised"],
            "where": None if row["where"] is None else json.loads(row["where"]), "term": None if row["term"] is None else json.loads(row["term"]),
        }  # fmt: skip
        for problem in examine(Shock, shock)[1]:
            same = [pl.col(name).eq_missing(pl.lit(row[name], dtype=frame.schema[name])) for name in key[1:]]
            rows = frame.filter(*same, pl.col("factor").cast(pl.String).str.starts_with(f"{kind}:"))
            checks.add(problem.what, problem.hint, str(problem.place[0]) if problem.place else None, rows)


def _scenarios(frame: pl.DataFrame, path: Path, given: tuple[str, ...], checks: _Checks) -> tuple[Scenario, ...]:
    about = frame.group_by("scenario", maintain_order=True).agg(
        pl.col("scenario_id").first(), pl.len().alias("rows"), *(pl.col(name).drop_nulls().first() for name in _OF_SCENARIO)
    )
    for name in given:
        several = frame.group_by("scenario", "scenario_id", maintain_order=True).agg(pl.col(name).drop_nulls().n_unique()).filter(pl.col(name) > 1)
        if several.height:
            checks.add("differs between the rows of a scenario", "Repeat the same value in all rows of a scenario.", name, several)
    scenarios: list[Scenario] = []
    first = 0
    for row in about.sort("scenario").iter_rows(named=True):
        headline = row["family"] in HEADLINE_FAMILIES if row["headline"] is None else row["headline"]
        last = first + row["rows"]
        scenarios.append(
            Scenario(
                row["scenario_id"],
                row["name"] or row["scenario_id"],
                row["family"],
                headline,
                row["horizon_days"],
                row["decay"],
                row["source"],
                row["weight"],
                str(path),
                None,
                first,
                last,
                row["grade"],
                row["any_book"],
            )
        )
        first = last
    return tuple(scenarios)


def _verdict(check: Callable[[str], str], value: str) -> tuple[str, str] | None:
    try:
        check(value)
    except PydanticCustomError as error:
        context = error.context or {}
        return str(context["what"]), str(context["hint"])
    return None


def _choice(value: str, choices: tuple[str, ...]) -> tuple[str, str] | None:
    return None if value in choices else (f"'{value}' is not one of {', '.join(choices)}", resembling(value, choices))


def _json_fault(model: type[BaseModel], text: str) -> tuple[str, str] | None:
    try:
        model.model_validate(json.loads(text))
    except json.JSONDecodeError as error:
        return f"'{text[:60]}' is not JSON: {error.msg}", "Write a JSON object, or null."
    except ValidationError:
        problem = examine(model, json.loads(text))[1][0]
        return f"{'.'.join(map(str, problem.place))}: {problem.what}", problem.hint
    return None


def _canonical(frame: pl.DataFrame, column: str, canonical: Callable[[str], str | None]) -> pl.Series:
    texts = frame[column].drop_nulls().unique(maintain_order=True).to_list()
    if not texts:
        return frame[column]
    return frame[column].replace_strict(texts, [canonical(text) for text in texts], default=None, return_dtype=pl.String)
