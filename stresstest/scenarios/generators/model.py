"""The generators of a scenario file: what they are called, and what they vary."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ModelWrapValidatorHandler, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from stresstest.documents import Amount, Count, Flag, Found, Name, Number, Part, problem, raise_all, resembling, with_rules
from stresstest.scenarios.factors import SHIFTS, Shift
from stresstest.scenarios.generators.of_history import Complete, Historical, MonteCarlo
from stresstest.scenarios.model import Family, Shock, Term, Where, Words, check_factor, check_id, shock_rules

MOST = 1_000_000
"""Scenarios that one generator may make: beyond that a step was mistyped."""


class Range(Part):
    """Sizes in equal steps, both ends included."""

    start: Annotated[Number, Field(alias="from")]
    stop: Annotated[Number, Field(alias="to")]
    steps: Annotated[Count, Field(ge=2, le=MOST)]

    def sizes(self) -> tuple[float, ...]:
        """The sizes, rounded to twelve digits, so that each is the number that its id says."""
        width = (self.stop - self.start) / (self.steps - 1)
        return (*(float(f"{self.start + width * number:.12g}") for number in range(self.steps - 1)), self.stop)


def _sizes(value: object) -> object:
    if isinstance(value, dict):
        return Range.model_validate(value).sizes()
    return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _distinct(sizes: tuple[float, ...]) -> tuple[float, ...]:
    if not sizes:
        raise problem("an empty list makes no scenario", "Give at least one size.")
    twice = sorted({size for size in sizes if sizes.count(size) > 1}) if len(sizes) <= 10_000 else []
    if twice:
        raise problem(f"{', '.join(f'{size:g}' for size in twice)} stands twice", "Every size makes a scenario of its own: write it once.")
    return sizes


Sizes = Annotated[tuple[Number, ...], BeforeValidator(_sizes, json_schema_input_type=Number | tuple[Number, ...] | Range), AfterValidator(_distinct)]
"""Sizes one by one, or `{from, to, steps}`."""


class Axis(Part):
    """A shock of several sizes: what a scenario file says of a shock, with a list of sizes in the place of one."""

    factor: Annotated[str, AfterValidator(check_factor)]
    where: Where | None = None
    relative: Sizes | None = None
    absolute: Sizes | None = None
    scale: Sizes | None = None
    replace: Sizes | None = None
    mode: Literal["compound", "linear"] = "compound"
    annualised: Flag = False
    term: Term | None = None

    @property
    def shift(self) -> Shift:
        """The shift type given."""
        return next(shift for shift in SHIFTS if getattr(self, shift) is not None)

    @property
    def sizes(self) -> tuple[float, ...]:
        """The sizes in order."""
        return tuple(getattr(self, self.shift))

    def shock(self, size: float) -> Shock:
        """The shock of one size."""
        return Shock.model_validate(
            {"factor": self.factor, self.shift: size, "where": self.where, "mode": self.mode, "annualised": self.annualised, "term": self.term}
        )

    @model_validator(mode="wrap")
    @classmethod
    def _rules(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return with_rules("axis", handler, data, shock_rules(data) if isinstance(data, dict) else [])


class Generated(Part):
    """What is said of all scenarios that a generator makes."""

    name: Name | None = None
    family: Family = "sensitivity"
    headline: Flag = False
    source: Name | None = None
    weight: Amount | None = None


class Grid(Generated):
    """Every combination of the sizes of its axes, the last axis first to move; `ID.FACTOR_SIZE.FACTOR_SIZE` are their ids."""

    kind: Literal["grid"]
    id: Annotated[str, AfterValidator(check_id)]
    axes: tuple[Axis, ...]
    horizon_days: Amount = 1.0
    decay: Flag = False

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        found: Found = []
        cells = 1
        for axis in self.axes:
            cells *= len(axis.sizes)
        if not self.axes:
            found.append((("axes",), problem("a grid without axes makes no scenario", "Give one axis or more.")))
        if cells > MOST:
            found.append((("axes",), problem(f"makes {cells:,} scenarios", f"A generator may make {MOST:,}: give fewer sizes.")))
        raise_all("grid", found)
        return self


class Ladder(Axis):
    """One shock at every size; `ID.FACTOR_SIZE` are the ids."""

    kind: Literal["ladder"]
    id: Annotated[str, AfterValidator(check_id)]
    name: Name | None = None
    family: Family = "sensitivity"
    headline: Flag = False
    source: Name | None = None
    weight: Amount | None = None
    horizon_days: Amount = 1.0
    decay: Flag = False

    def grid(self) -> Grid:
        """The grid of this one axis."""
        axis = Axis.model_validate({name: getattr(self, name) for name in Axis.model_fields})
        about = {name: getattr(self, name) for name in Grid.model_fields if name not in ("kind", "axes")}
        return Grid.model_validate({"kind": "grid", "axes": (axis,), **about})


class Multiple(Generated):
    """Scenarios that are stated, at multiples of their shocks; `ID.xMULTIPLE` are the ids. Horizon and `decay` stay those of the scenario."""

    kind: Literal["multiple"]
    of: Words
    by: Sizes


Generator = Grid | Ladder | Multiple | Historical | MonteCarlo | Complete
KINDS: dict[str, type[Generator]] = {
    "grid": Grid, "ladder": Ladder, "multiple": Multiple, "historical": Historical, "monte_carlo": MonteCarlo, "complete": Complete,
}  # fmt: skip


def _of_its_kind(value: Any, _: ValidatorFunctionWrapHandler) -> Generator:
    """The generator by its `kind`, so that only the keys of that kind are known, and faults stand where they are."""
    if isinstance(value, Generator):
        return value
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        found: Found = [(("kind",), problem(f"must be one of {', '.join(KINDS)}, not {kind!r}", resembling(str(kind), list(KINDS))))]
        raise_all("generator", found)
    return KINDS[str(kind)].model_validate(value)


AnyGenerator = Annotated[Generator, WrapValidator(_of_its_kind, json_schema_input_type=Generator)]
