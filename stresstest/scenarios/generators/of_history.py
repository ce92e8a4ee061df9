"""The generators that need the snapshot's history, as a scenario file states them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from stresstest.documents import Count, Flag, Found, Name, Number, Part, as_list, problem, raise_all, shown, suggest
from stresstest.scenarios.factors import FACTOR_TYPES, split_factor
from stresstest.scenarios.generators.history import Return
from stresstest.scenarios.model import Family, Words, check_factor, check_id

MOST_DRAWS = 1_000_000


def _date(value: object) -> object:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise problem(f"must be a date, not {shown(value)}", "Write for example 2020-03-12.") from None
    if isinstance(value, date):
        return value
    raise problem(f"must be a date, not {shown(value)}", "Write for example 2020-03-12.")


Date = Annotated[date, BeforeValidator(_date, json_schema_input_type=str)]


def _types(value: dict[str, Return]) -> dict[str, Return]:
    found: Found = []
    for kind, measure in value.items():
        if kind not in FACTOR_TYPES:
            found.append(((kind,), problem(f"unknown factor type `{kind}`", suggest(kind, list(FACTOR_TYPES), "Types"))))
        elif measure != "absolute" and "relative" not in FACTOR_TYPES[kind].shifts:
            found.append(((kind,), problem(f"a {kind} may be zero, so its moves have no ratio", "Write absolute.")))
    raise_all("returns", found)
    return value


Returns = Annotated[dict[str, Return], AfterValidator(_types)]
"""How moves are measured, by factor type."""


def _named(value: str) -> str:
    if split_factor(check_factor(value))[1] == "*":
        raise problem(f"`{value}`: a factor is named here", "Name the factors one by one.")
    return value


Factor = Annotated[str, AfterValidator(_named)]


class Proxy(Part):
    """What stands in for a factor where it has no history: `beta` times the move of another."""

    factor: Factor
    beta: Number = 1.0


class FromHistory(Part):
    """What generators from history share.

    `factors`: those used, as names or as `type:*`; null: all of the history. `returns`: how moves are measured, by factor type. `proxies`: by
    factor what stands in for it where it has no history.
    """

    name: Name | None = None
    headline: Flag = False
    factors: Annotated[tuple[Annotated[str, AfterValidator(check_factor)], ...], BeforeValidator(as_list)] | None = None
    returns: Returns = Field(default={})


class Windows(Part):
    """Every overlapping move over `horizon_days` calendar days that ends between `from` and `to`, both included; null: as far as history goes.

    A factor without a value on a day has the last one before it, up to `max_gap_days` old.
    """

    horizon_days: Annotated[Count, Field(le=3660)] = 1
    start: Annotated[Date | None, Field(alias="from")] = None
    stop: Annotated[Date | None, Field(alias="to")] = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start is not None and self.stop is not None and self.start > self.stop:
            raise problem(f"the window from {self.start} to {self.stop} is empty", "Write the earlier date first.")
        return self


class Window(Part):
    """One named window: from the close of one day to the close of another."""

    id: Annotated[str, AfterValidator(check_id)]
    name: Name | None = None
    start: Annotated[Date, Field(alias="from")]
    stop: Annotated[Date, Field(alias="to")]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start >= self.stop:
            raise problem(f"the window from {self.start} to {self.stop} is empty", "It ends at the close of a later day.")
        return self


def _windows(value: Any, _: ValidatorFunctionWrapHandler) -> Windows | tuple[Window, ...]:
    """A list is of named windows, anything else says which overlapping ones: so faults are those of the one that was meant."""
    if isinstance(value, list):
        return TypeAdapter(tuple[Window, ...]).validate_python(value)
    return value if isinstance(value, (Windows, tuple)) else Windows.model_validate(value)


class Historical(FromHistory):
    """Moves that the factors made, replayed; `ID.DATE` or `ID.WINDOW` are the ids. `max_gap_days`: how old a value may be that stands in for a
    day without one."""

    kind: Literal["historical"]
    id: Annotated[str, AfterValidator(check_id)]
    family: Family = "historical"
    windows: Annotated[Windows | tuple[Window, ...], WrapValidator(_windows)] = Windows()
    max_gap_days: Annotated[int, Field(strict=True, ge=0)] = 7
    proxies: dict[Factor, Proxy] = Field(default={})
    decay: Flag = False


class Covariance(Part):
    """Sample and shrinkage of a covariance of daily moves.

    The moves are those between consecutive days on which all factors have a value, among the last `window_days` calendar days up to `to` (null:
    the snapshot's day). `half_life_days`: exponential weights; null: equal ones. `shrinkage`: `none`; `ledoit_wolf` towards a multiple of the
    identity, of the correlations; `clip`: eigenvalues of the correlations below those of noise (Marchenko-Pastur) become their mean.
    """

    window_days: Annotated[Count, Field(ge=2)] = 500
    to: Date | None = None
    half_life_days: Annotated[Number, Field(gt=0)] | None = None
    shrinkage: Literal["none", "ledoit_wolf", "clip"] = "none"


class MonteCarlo(FromHistory):
    """Random draws; `ID.NUMBER` are the ids, each of weight 1/draws. Draws depend on `seed`, draw and factor alone.

    `normal`: from the covariance. `student_t`: the same covariance, one mixing variable of `df` degrees of freedom. `filtered_history`: days of
    the window, each factor's move over its own volatility then and times that of today (EWMA with `decay_factor`), h of them summed.
    """

    kind: Literal["monte_carlo"]
    id: Annotated[str, AfterValidator(check_id)]
    family: Family = "hypothetical"
    draws: Annotated[Count, Field(le=MOST_DRAWS)]
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**64)] = 0
    horizon_days: Annotated[Count, Field(le=3660)] = 1
    distribution: Literal["normal", "student_t", "filtered_history"] = "normal"
    df: Annotated[Number, Field(gt=2)] | None = None
    decay_factor: Annotated[Number, Field(gt=0, lt=1)] = 0.94
    covariance: Covariance = Covariance()
    decay: Flag = False

    @model_validator(mode="after")
    def _degrees(self) -> Self:
        found: Found = []
        if "." in self.id:
            what = f"`{self.id}` holds a dot, and draws belong together by their ids up to the first dot"
            found.append((("id",), problem(what, f"Write for example {self.id.replace('.', '_')}.")))
        if self.distribution == "student_t" and self.df is None:
            found.append((("df",), problem("`df` is missing: a Student-t distribution has degrees of freedom", "Add for example `df: 4`.")))
        if self.distribution != "student_t" and self.df is not None:
            found.append((("df",), problem("degrees of freedom are of `student_t` alone", "Remove `df`.")))
        raise_all("generator", found)
        return self


class Complete(FromHistory):
    """A stated scenario with all other factors at what is expected of them, given its moves of the `core` factors; `ID.complete` is the id.

    Factors that the scenario shocks by name stay as it has them.
    """

    kind: Literal["complete"]
    of: Words
    family: Family = "hypothetical"
    core: Annotated[tuple[Factor, ...], BeforeValidator(as_list)]
    covariance: Covariance = Covariance()

    @model_validator(mode="before")
    @classmethod
    def _core(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        core = data.get("core")
        found: Found = []
        if core == []:
            found.append((("core",), problem("an empty list leaves nothing to start from", "Name the factors that the scenario moves.")))
        named = [each for each in core if isinstance(each, str)] if isinstance(core, list) else []
        twice = sorted({each for each in named if named.count(each) > 1})
        found += [(("core",), problem(f"`{each}` stands twice", "Name each factor once.")) for each in twice]
        raise_all("generator", found)
        return data
