"""Pairs of a maintenance and an initial figure, and rows that hold from a threshold on: what the parts of a margin file share."""

from __future__ import annotations

import itertools
from typing import Annotated, Protocol, TypeVar

from pydantic import BeforeValidator, Field

from stresstest.documents import Amount, Found, Part, Ratio, problem, raise_all


class AmountPair(Part):
    """A non-negative figure for the maintenance and the initial calculation."""

    maintenance: Amount
    initial: Amount


class RatioPair(Part):
    """A share between 0 and 1 for the maintenance and the initial calculation."""

    maintenance: Ratio
    initial: Ratio


class CapPair(Part):
    """An optional cap for the maintenance and the initial calculation; null = none. Reporting currency."""

    maintenance: Amount | None = None
    initial: Amount | None = None


def both(value: object) -> object:
    """For `BeforeValidator`: one number for both calculations; everything else is left to the checks of the pair."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {"maintenance": value, "initial": value}
    return value


Amounts = Annotated[AmountPair, BeforeValidator(both, json_schema_input_type=AmountPair | Amount)]
Ratios = Annotated[RatioPair, BeforeValidator(both, json_schema_input_type=RatioPair | Ratio)]
Caps = Annotated[CapPair, BeforeValidator(both, json_schema_input_type=CapPair | Amount)]

ZERO = AmountPair(maintenance=0.0, initial=0.0)
ONE = AmountPair(maintenance=1.0, initial=1.0)


class Threshold(Protocol):
    """Anything that holds from a threshold on."""

    @property
    def from_(self) -> float:
        """Lower edge, inclusive."""


T = TypeVar("T", bound=Threshold)
R = TypeVar("R")

From = Annotated[Amount, Field(alias="from")]


def rising(rows: tuple[T, ...]) -> tuple[T, ...]:
    """For `AfterValidator`: rows whose thresholds start at zero and rise."""
    found: Found = []
    if rows and rows[0].from_ != 0:
        found.append(((0, "from"), problem(f"the first threshold must be 0, not {rows[0].from_:g}", "Say what holds from zero on.")))
    for number, (before, row) in enumerate(itertools.pairwise(rows), start=1):
        if row.from_ <= before.from_:
            hint = "Sort the rows by `from` and keep each threshold once."
            found.append(((number, "from"), problem(f"thresholds must rise: {row.from_:g} follows {before.from_:g}", hint)))
    raise_all("thresholds", found)
    return rows


def not_empty(rows: tuple[R, ...]) -> tuple[R, ...]:
    """For `AfterValidator`: at least one row."""
    if not rows:
        raise problem("has no rows", "Give at least the one from 0.")
    return rows


def _free_text(value: object) -> object:
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


Text = Annotated[str | None, BeforeValidator(_free_text)]
"""Free text that YAML may have read as a number."""


class Sourced(Part):
    """Where a schedule or model comes from, of which day it is, and what there is to say of it; free text."""

    source: str | None = None
    as_of: Text = None
    notes: str | None = None
