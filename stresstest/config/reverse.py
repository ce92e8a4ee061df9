"""`reverse` of the run file: what the question is asked backwards about."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from stresstest.documents import Name, Number, Part, as_list, once, problem, shown

TYPES = ("spot", "vol", "collateral", "haircut", "holding", "margin_rate")
"""Types of factors that have a relative shift which changes a figure."""


def _factor(value: str) -> str:
    kind, _, name = value.partition(":")
    if kind not in TYPES or not name:
        types = ", ".join(TYPES)
        raise problem(f"must be a factor whose relative shifts change a figure, not {shown(value)}", f"Write type:name, with one of {types}.")
    if name == "*" and kind != "spot":
        raise problem(f"must name one factor: {shown(value)}", "Only spot:* stands for several: every spot that positions follow.")
    return value


class Most(Part):
    """How far to look: relative shifts of a factor; a scenario is multiplied by `up` at most.

    `down: -1` is all the way: to a price of zero, and of one that may be negative as far down as `up` goes up.
    """

    down: Annotated[Number, Field(lt=0)] = -1.0
    up: Annotated[Number, Field(gt=0)] = 10.0


class Distance(Part):
    """The distance of every margin pool to its lines: along `factors`, each moved alone, up and down (`spot:*`: every spot that positions follow, the
    20 with the largest gross notional), and along multiples of scenarios (`along`, by id), to `targets`, and `most` this far.
    """

    factors: Annotated[tuple[Annotated[Name, AfterValidator(_factor)], ...], BeforeValidator(as_list), AfterValidator(once)] = ()
    along: Annotated[tuple[Name, ...], BeforeValidator(as_list), AfterValidator(once)] = ()
    targets: Annotated[tuple[Literal["liquidation", "default"], ...], BeforeValidator(as_list), AfterValidator(once), Field(min_length=1)] = (
        "liquidation",
        "default",
    )
    most: Most = Most()


class Reverse(Part):
    """What it would take: `distance` of every margin pool. Its table is made only where factors or scenarios are named."""

    distance: Distance = Distance()

    @property
    def asks(self) -> bool:
        """Whether anything is to be computed."""
        return bool(self.distance.factors or self.distance.along)
