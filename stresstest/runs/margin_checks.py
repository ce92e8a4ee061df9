"""What data quality says of the margin file and of what scenarios do to its haircuts."""

from __future__ import annotations

from stresstest.margin.haircut_clamps import haircut_clamps
from stresstest.margin.plausibility import plausibility
from stresstest.margin.rulebook import Rulebook
from stresstest.margin.views import unmatched_entries
from stresstest.results.quality import Check, from_notices
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions


def margin_checks(rulebook: Rulebook, dimensions: Dimensions, resolved: Resolved) -> list[Check]:
    """A warning for each doubtful schedule and model of the margin file and for entries of models in use that match nothing; clamped haircuts."""
    return [
        *(Check("margin file", "warning", "warn", doubt.subject, doubt.message, doubt.figures) for doubt in plausibility(rulebook)),
        *(
            Check("margin file", "warning", "warn", f"model {each.model}, {each.place}", each.message, 1)
            for each in unmatched_entries(dimensions, rulebook)
        ),
        *from_notices(haircut_clamps(dimensions, resolved, rulebook)),
    ]
