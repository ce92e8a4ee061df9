"""What a reverse stress test by plausibility looks at, and how the move that it found came about, in words."""

from __future__ import annotations

from collections.abc import Mapping

from stresstest.results.plausible import Plausible
from stresstest.stress.plausible.targets import Kind

FIGURES: Mapping[Kind, str] = {
    "shortfall": "margin shortfall beyond the tolerance of a status",
    "default": "deficit beyond the tolerance of a status",
    "accounts-in-shortfall": "margin shortfall of the last account needed, beyond the tolerance of a status",
    "accounts-in-default": "deficit of the last account needed, beyond the tolerance of a status",
    "uncollateralised-loss": "uncollateralised loss of all pools",
    "cover-1": "largest owner loss over margin (Cover-1)",
    "cover-2": "two largest owner losses over margin (Cover-2)",
}
"""The figure of each target."""


def story(document: Plausible, sample: str) -> str:
    """How a move came about, for the source of its scenario."""
    assert document.distance is not None
    assert document.half_space is not None
    first = (
        f"likeliest move found to {document.target}"
        if document.question == "target"
        else f"worst move found for {document.target} within {document.within:g} standard deviations"
    )
    moved = ", ".join(
        f"{each.factor} {each.size:+.2%}" if each.shift == "relative" else f"{each.factor} {each.size:+.4g}" for each in document.moves[:5]
    )
    near = f"; nearest event {document.nearest_event.name} ({document.nearest_event.scenario_id})" if document.nearest_event else ""
    near += f"; most like {document.nearest_day.date} (cosine {document.nearest_day.cosine:.2f})" if document.nearest_day else ""
    days = document.covariance.horizon_days
    return (
        f"{first} ({document.label}): {document.distance:.3f} standard deviations away (Mahalanobis), half-space probability "
        f"{document.half_space:.3g} (normal); largest moves {moved}{near}; covariance of {sample}, over {days:g} day{'' if days == 1.0 else 's'}"
    )
