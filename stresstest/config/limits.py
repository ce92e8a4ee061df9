"""Limits of the run file: what is measured, by a built-in or by SQL over the result tables, and from where on it is amber or red."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ModelWrapValidatorHandler, model_validator

from stresstest.config.built_in_limits import BUILT_INS, TOPS, Basis, BuiltIn, Top, Unit
from stresstest.documents import Found, Name, Number, Part, problem, raise_all, resembling, shown, with_rules

Worse = Literal["above", "below"]
"""The side of its thresholds on which a value is bad."""

_PARAMETERS = ("basis", "top")


def _built_in(value: object) -> object:
    if isinstance(value, str) and value not in BUILT_INS:
        names = list(BUILT_INS)
        raise problem(f"no built-in limit is called {shown(value)}", resembling(value, names) or f"Built-in: {', '.join(names)}.")
    return value


def _top(value: object) -> object:
    if value is not None and (isinstance(value, bool) or value not in TOPS):
        raise problem(f"must be {', '.join(map(str, TOPS[:-1]))} or {TOPS[-1]}, not {shown(value)}", "Shares of other numbers take `sql`.")
    return value


_BuiltInName = Annotated[Name, Field(json_schema_extra={"enum": list(BUILT_INS)})]


class Limit(Part):
    """One limit: `built_in` with its parameters `basis` and `top`, or `sql`, a SELECT over the result tables that gives one number, or rows of
    subject and number.

    A value beyond `red` is red, one beyond `amber` amber; a value on a threshold is within it. `worse` says which side is beyond: given by the order
    of the two thresholds, and above where only one is there. `unit` says how the number of a SELECT is written. `owner` is who is
    responsible for the limit; `scope` says in words what it is about.
    """

    name: Name
    built_in: Annotated[_BuiltInName | None, BeforeValidator(_built_in)] = None
    basis: Basis | None = None
    top: Annotated[Top | None, BeforeValidator(_top)] = None
    sql: Name | None = None
    unit: Unit | None = None
    amber: Number | None = None
    red: Number | None = None
    worse: Worse | None = None
    owner: Name | None = None
    scope: Name | None = None
    description: Name | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _rules(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return with_rules("Limit", handler, data, _contradictions(data) if isinstance(data, dict) else [])

    @property
    def worse_side(self) -> Worse:
        """The side of the thresholds that is bad, whether it was stated or follows from their order."""
        if self.worse is not None:
            return self.worse
        return "below" if self.amber is not None and self.red is not None and self.red < self.amber else "above"

    @property
    def definition(self) -> BuiltIn | None:
        """The built-in that is measured; None where the limit has its own SQL."""
        return None if self.built_in is None else BUILT_INS[self.built_in]

    @property
    def query(self) -> str:
        """The SELECT that measures it."""
        built_in = self.definition
        return (self.sql or "") if built_in is None else built_in.query(basis=self.basis, top=self.top)

    @property
    def measured_in(self) -> Unit:
        """What its value and thresholds are counted in."""
        built_in = self.definition
        return (self.unit or "number") if built_in is None else built_in.unit


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _contradictions(data: dict[str, Any]) -> Found:
    """What no single key shows; each at the key to look at."""
    found: Found = []
    built_in, sql = data.get("built_in"), data.get("sql")
    if built_in is None and sql is None:
        found.append(((), problem("measures nothing", f"Give `sql`, or `built_in`: {', '.join(BUILT_INS)}.")))
    if built_in is not None and sql is not None:
        found.append((("sql",), problem("stands beside `built_in`", "Keep one of the two.")))
    takes = BUILT_INS[built_in].parameters if isinstance(built_in, str) and built_in in BUILT_INS else () if built_in is None else _PARAMETERS
    for key in _PARAMETERS:
        if data.get(key) is not None and key not in takes:
            whose = "sql" if built_in is None else f"`{built_in}`"
            having = [name for name, each in BUILT_INS.items() if key in each.parameters]
            found.append(((key,), problem(f"is no parameter of {whose}", f"Remove it; those that have it: {', '.join(having)}.")))
    if built_in is not None and data.get("unit") is not None:
        found.append((("unit",), problem("is known of a built-in", "Remove it: `unit` is for `sql`.")))
    return [*found, *_thresholds(data)]


def _thresholds(data: dict[str, Any]) -> Found:
    amber, red, worse = _number(data.get("amber")), _number(data.get("red")), data.get("worse")
    if data.get("amber") is None and data.get("red") is None:
        return [((), problem("has no threshold", "Give `amber`, `red` or both."))]
    if amber is None or red is None:
        return []
    if amber == red and worse is None:
        return [(("red",), problem("is the same as `amber`, which leaves open what is bad", "Add `worse: above` or `worse: below`."))]
    if (red < amber and worse == "above") or (red > amber and worse == "below"):
        order = "below" if red < amber else "above"
        return [(("worse",), problem(f"contradicts the thresholds: red is {order} amber", f"Remove it, or write `worse: {order}`."))]
    return []


def no_name_twice(limits: Sequence[Limit]) -> Sequence[Limit]:
    """The limits, if no two have the same name; names are what history and `summary.json` know them by."""
    first: dict[str, int] = {}
    found: Found = []
    for number, limit in enumerate(limits):
        if limit.name in first:
            what = f"{shown(limit.name)} is the name of limit {first[limit.name] + 1} too"
            found.append(((number, "name"), problem(what, "Give each limit a name of its own.")))
        first.setdefault(limit.name, number)
    raise_all("limits", found)
    return limits
