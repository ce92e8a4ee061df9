"""What `stresstest reverse` found, as one JSON document."""

from __future__ import annotations

from typing import Literal

from stresstest.results.documents import Document

Outcome = Literal["reached", "at base", "not reachable"]


class Side(Document):
    """One side of a crossing. `at`: the multiple of a scenario, or the shift of a factor. `level`: the factor's value there, where it is one price.
    `figure`: the target's figure there, in reporting currency or accounts."""

    at: float
    level: float | None
    figure: float


class LargestMove(Document):
    """A price that moves, and by how much of itself."""

    asset: str
    change: float


class NearestEvent(Document):
    """The nearest event of library:crisis. `distance`: root mean square difference of logarithmic price moves over the `assets` that both move."""

    scenario_id: str
    name: str
    distance: float
    assets: int


class PlausibilityDocument(Document):
    """Mahalanobis distance of the price moves that have history, in standard deviations; `half_space_probability`: of a normal move at least so far
    in this one direction; `sample`: what the covariance is of."""

    distance: float
    half_space_probability: float
    factors: tuple[str, ...]
    sample: str


class StoryDocument(Document):
    """What the found scenario is like. `moved` prices move, `largest_moves` names the largest. `why_no_plausibility`: where that is null."""

    moved: int
    largest_moves: tuple[LargestMove, ...]
    nearest_event: NearestEvent | None
    plausibility: PlausibilityDocument | None
    why_no_plausibility: str | None


class Answer(Document):
    """A direction. `outcome`: `reached`; `at base`: hit without any shock; `not reachable` within `searched_to`, which is where the search ends, or
    where prices cannot go on (`stopped` says why). `multiple` of a scenario or `shift` of a factor: the smallest at which the target is hit, `right`;
    it is not hit at `left`. `jump`: the figure leaps from one to the other. `scenario_id`: of the scenario found, in `file`.
    """

    along: str
    kind: Literal["scenario", "factor"]
    name: str
    outcome: Outcome
    searched_to: float
    stopped: str | None
    multiple: float | None
    shift: float | None
    shift_type: Literal["relative", "absolute"] | None
    left: Side | None
    right: Side | None
    jump: bool | None
    scenario_id: str | None
    story: StoryDocument | None


class ReverseTarget(Document):
    """What was looked for. `threshold`: accounts that are enough, or the amount to be exceeded, in reporting currency."""

    text: str
    words: str
    account: str | None
    threshold: float | None
    figure: str
    unit: Literal["reporting currency", "accounts"]


class ReverseReport(Document):
    """`answers`: scenarios before factors, reached ones first, smallest first. `computed`: scenarios that the book (or the account) was looked at in;
    `file`: where the scenarios found were written; null: none was asked for, or none found.
    """

    schema_version: Literal[1] = 1
    kind: Literal["reverse"] = "reverse"
    as_of: str
    reporting_currency: str
    target: ReverseTarget
    tolerance: float
    computed: int
    answers: tuple[Answer, ...]
    file: str | None = None
