"""What data quality says of the margin file and of what scenarios do to its haircuts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from stresstest.margin.haircut_clamps import haircut_clamps
from stresstest.margin.plausibility import plausibility
from stresstest.margin.rulebook import Rulebook
from stresstest.margin.views import Unmatched, unmatched_entries
from stresstest.results.quality import Check, from_notices
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions


def margin_checks(rulebook: Rulebook, dimensions: Dimensions, resolved: Resolved) -> list[Check]:
    """A warning for each doubtful schedule and model of the margin file and for entries of models in use that match nothing; clamped haircuts.

    A preset's entries are written for any book: those that match nothing in this one are told, one line a model, and warn of nothing.
    """
    unmatched = list(unmatched_entries(dimensions, rulebook))
    return [
        *(Check("margin file", "warning", "warn", doubt.subject, doubt.message, doubt.figures) for doubt in plausibility(rulebook)),
        *(Check("margin file", "warning", "warn", f"model {each.model}, {each.place}", each.message, 1) for each in unmatched if not each.of_preset),
        *_of_presets([each for each in unmatched if each.of_preset]),
        *from_notices(haircut_clamps(dimensions, resolved, rulebook)),
    ]


def _of_presets(unmatched: Sequence[Unmatched]) -> list[Check]:
    """What the presets of models have that this book has nothing for: a line a model, which lists every entry."""
    checks = []
    for model, entries in groupby(unmatched, key=lambda each: each.model):
        listed = [f"{each.place} ({each.schedule})" for each in entries]
        message = f"Entries of the preset that find nothing in this book to give their schedule: {', '.join(listed)}."
        checks.append(Check("margin file", "info", "pass", f"model {model}, preset", message, len(listed), None, float(len(listed))))
    return checks
