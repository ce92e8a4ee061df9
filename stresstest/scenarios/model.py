"""The scenario file format: shocks with their filters and terms, and the scenarios they belong to."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, BeforeValidator, Field, ModelWrapValidatorHandler, model_validator

from stresstest.documents import Flag, Found, Name, Number, Part, as_list, problem, suggest, with_rules
from stresstest.scenarios.factors import FACTOR_TYPES, SHIFTS, Shift, split_factor

Family = Literal["historical", "hypothetical", "operational", "sensitivity", "reverse"]
HEADLINE_FAMILIES = ("historical", "hypothetical", "operational")
"""Families whose scenarios count for worst, Cover-N and limits unless they say otherwise."""

Grade = Literal["A", "B", "C", "D", "proxy", "assumption"]
"""How sure a figure is. A: two or more independent copies of the series agree. B: one series. C: press, web page, notice of a venue. D: from
memory, unverified. proxy: the move of another, named series. assumption: nobody recorded it."""

BASE_ID = "base"
_ID = re.compile(r"[a-z0-9_.-]+")


def check_id(value: str) -> str:
    """A scenario id as it may be: `[a-z0-9_.-]+` and not `base`."""
    if value == BASE_ID:
        raise problem("`base` is the snapshot without shocks, which is always computed", "Choose another id, or remove the scenario.")
    if not _ID.fullmatch(value):
        raise problem(f"id '{value}' has other characters than a-z, 0-9, _ . -", "Use lower case and underscores, for example btc_down_30.")
    return value


def check_factor(value: str) -> str:
    """A factor as it may be: `type:name` with a known type; `*` only alone."""
    kind, name = split_factor(value)
    if kind not in FACTOR_TYPES:
        raise problem(f"unknown factor type `{kind}`", suggest(kind, list(FACTOR_TYPES), "Types"))
    if not name:
        raise problem(f"`{value}` names nothing", f"Write {kind}:NAME, or {kind}:* for all.")
    if "*" in name and name != "*":
        raise problem(f"`{value}`: * stands for all names only when it stands alone", "Name the factors one by one, or use `where`.")
    return value


def _ordered(value: tuple[float | None, float | None]) -> tuple[float | None, float | None]:
    low, high = value
    if low is not None and high is not None and low > high:
        raise problem(f"the range [{low:g}, {high:g}] is empty", "Write the smaller end first.")
    return value


def _not_empty(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise problem("an empty list selects nothing", "Remove the key to select all.")
    return value


Words = Annotated[tuple[Name, ...], BeforeValidator(as_list, json_schema_input_type=str | list[str]), AfterValidator(_not_empty)]
Kind = Literal["spot", "future", "perpetual", "option"]
Kinds = Annotated[tuple[Kind, ...], BeforeValidator(as_list, json_schema_input_type=Kind | list[Kind]), AfterValidator(_not_empty)]
OptionType = Literal["call", "put"]
OptionTypes = Annotated[
    tuple[OptionType, ...], BeforeValidator(as_list, json_schema_input_type=OptionType | list[OptionType]), AfterValidator(_not_empty)
]
Range = Annotated[tuple[Number | None, Number | None], AfterValidator(_ordered)]


class Where(Part):
    """Filters of a shock; all must hold. A list holds if one of its words does; `not_asset` and `not_tags` if none does.

    `asset` and `not_asset` are names of assets, of instruments that of the underlying, and so are class, tags and
    `may_be_negative`. In a `location`, `*` stands for any text. `risk_group` of an asset is
    that of the instruments on it. `tenor_days` are days to expiry and `log_moneyness` is ln(K/F), both at base; both
    ranges include their ends, null leaves an end open.
    """

    asset: Words | None = None
    not_asset: Words | None = None
    asset_class: Words | None = None
    may_be_negative: Flag | None = None
    tags: Words | None = None
    not_tags: Words | None = None
    location: Words | None = None
    kind: Kinds | None = None
    option_type: OptionTypes | None = None
    risk_group: Words | None = None
    tenor_days: Range | None = None
    log_moneyness: Range | None = None

    def canonical(self) -> str | None:
        """The same text for the same filter, JSON; None where there is none."""
        given = {key: value for key, value in self if value is not None}
        return json.dumps(given, sort_keys=True) if given else None


class Term(Part):
    """Scales a vol shift by (reference_days / max(days, min_days)) ** p.

    p is `power` below `reference_days` and `power_long` (null: `power`) from there on.
    """

    reference_days: Annotated[Number, Field(gt=0)]
    power: Number
    power_long: Number | None = None
    min_days: Annotated[Number, Field(gt=0)] = 1.0

    def sizes(self, days: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The factors of options with that many days to expiry, in the shape of `days`."""
        power = np.where(days < self.reference_days, self.power, self.power if self.power_long is None else self.power_long)
        factors: npt.NDArray[np.float64] = (self.reference_days / np.maximum(days, self.min_days)) ** power
        return factors

    def canonical(self) -> str:
        """The same text for the same term, JSON."""
        return json.dumps(self.model_dump(exclude_none=True), sort_keys=True)


class Shock(Part):
    """One shift of one factor, or with `*` of all factors of a type that pass `where`.

    `mode: linear` says how a multiple t of a relative shift is taken: t*v instead of (1+v)^t - 1.
    `share` of a `replace` is how much of the way from the base value it goes: x + share*(v - x); null = all of it.
    `source` and `grade` say where this figure is from; null = as the scenario. No figure depends on them.
    """

    factor: Annotated[str, AfterValidator(check_factor)]
    where: Where | None = None
    relative: Number | None = None
    absolute: Number | None = None
    scale: Number | None = None
    replace: Number | None = None
    share: Number | None = None
    mode: Literal["compound", "linear"] = "compound"
    annualised: Flag = False
    term: Term | None = None
    source: Name | None = None
    grade: Grade | None = None

    @property
    def shift(self) -> Shift:
        """The shift type given."""
        return next(shift for shift in SHIFTS if getattr(self, shift) is not None)

    @property
    def value(self) -> float:
        """The size of the shift."""
        return float(getattr(self, self.shift))

    def row(self, scenario: int) -> tuple[object, ...]:
        """The shock as a row of a shock table (`scenario_set.SHOCKS`)."""
        where, term = self.where and self.where.canonical(), self.term and self.term.canonical()
        shift = (self.shift, self.value, self.share)
        return (scenario, self.factor, where, *shift, self.annualised, term, self.mode, self.source, self.grade)

    @model_validator(mode="wrap")
    @classmethod
    def _rules(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        # On the raw data, so that they are reported beside the faults of the keys.
        return with_rules("shock", handler, data, shock_rules(data) if isinstance(data, dict) else [])


def shock_rules(data: dict[str, Any]) -> Found:
    """What is wrong with the keys of a shock, or of what has its keys, taken together."""
    found: Found = []
    given = [shift for shift in SHIFTS if data.get(shift) is not None]
    if data.get("share") is not None and given and "replace" not in given:
        found.append((("share",), problem("`share` is how far a `replace` goes", "Remove it, or make the shift smaller.")))
    if not given:
        found.append(((), problem("the shock has no shift", f"Give one of {', '.join(SHIFTS)}.")))
    if len(given) > 1:
        found.append(((given[1],), problem(f"two shift types in a shock: {' and '.join(given)}", "Write two shocks; they compose.")))
    if data.get("mode") == "linear" and given and "relative" not in given:
        found.append((("mode",), problem("`mode: linear` is about multiples of relative shifts", "Remove it.")))
    kind = FACTOR_TYPES.get(split_factor(str(data.get("factor")))[0])
    if kind is None:
        return found
    for shift in given:
        if shift not in kind.shifts:
            hint = f"Use {' or '.join(kind.shifts)}."
            found.append(((shift,), problem(f"`{shift}` has no meaning for a {kind.name}, which may be zero at base", hint)))
    where = data.get("where")
    for key in where if isinstance(where, dict) else ():
        if key in Where.model_fields and key not in kind.filters:
            hint = f"Filters there: {', '.join(kind.filters)}." if kind.filters else "Remove `where`."
            found.append((("where", key), problem(f"a {kind.name} shock cannot be filtered by `{key}`", hint)))
    if data.get("annualised") is True and kind.name != "basis":
        found.append((("annualised",), problem(f"has no meaning for a {kind.name} shock", "Only a basis can be annualised.")))
    if data.get("term") is not None and (kind.name != "vol" or not set(given) <= {"relative", "absolute"}):
        found.append((("term",), problem("scales relative and absolute shifts of vols only", "Remove it.")))
    return found
