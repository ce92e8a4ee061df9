"""Why a shock matches nothing: a name that is not there, or filters that nothing passes."""

from __future__ import annotations

from typing import Literal

from stresstest.documents import resembling
from stresstest.scenarios.factors import FACTOR_TYPES
from stresstest.scenarios.selectors import Selector, Universe


def unmatched(universe: Universe, selector: Selector) -> tuple[Literal["unknown factor", "no match"], str, str]:
    """What is wrong with a selector without elements, how to say it, and a hint at the name that was probably meant (empty: none).

    The hint is not for scenarios written for any book: they name what no single book has all of.
    """
    kind, name = FACTOR_TYPES[selector.kind], selector.name
    if universe.knows(selector):
        what = f"no {kind.named_after} passes its filter" if selector.where else "there is nothing it moves"
        return "no match", f"{selector.factor} matches nothing: {what}", ""
    dimensions = universe.dimensions
    known = {"basis": dimensions.instruments["instrument_id"].to_list(), "margin_rate": list(universe.margin_names)}
    hint = resembling(name, known.get(kind.name) or dimensions.assets["asset"].to_list())
    message = f"{selector.factor} matches nothing: there is no {kind.named_after} `{name}`"
    return "unknown factor", message, hint
