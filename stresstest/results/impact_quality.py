"""What data quality says of a cascade: whether it came to rest, and where prices moved less than sales would have moved them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from stresstest.errors import SHOWN_KEYS, counted
from stresstest.results.quality import Check
from stresstest.stress.cascade.market.impact import CEILING, FLOOR

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Traded:
    """What a cascade traded, and where an impact could not say what that does to the price; all arrays [assets, S], assets by code.

    `notional`: gross notional executed over all rounds, reporting currency. `missing`: no parameter says how far sales move the price.
    `floored`: at some time the price was held at its floor or ceiling. `exhausted`: more was traded than the depth table has.
    """

    notional: Floats
    missing: Flags
    floored: Flags
    exhausted: Flags


def impact_checks(assets: Sequence[str], scenarios: Sequence[str], traded: Traded, converged: Flags, max_rounds: int) -> list[Check]:
    """The checks of a cascade: one that every scenario came to rest, one for each way in which an impact falls short of what was traded.

    Args:
        assets: their names, by code.
        scenarios: ids of the scenarios that were followed, in file order.
        traded: what was traded of every asset in every scenario.
        converged: bool[S]: no pool was left to liquidate after the last round.
        max_rounds: rounds after which a cascade is broken off.
    """
    ends = f"between {FLOOR:g} and {CEILING:,.0f} times the snapshot price"
    return [
        _convergence(scenarios, converged, max_rounds),
        _told(
            "market depth", assets, scenarios, traded, traded.missing,
            "sold or bought without moving the price, because no parameter of the impact is known",
            "Every asset that was traded has an impact, or is stated to have none.",
            "State `cascade.impact`, or fill the columns that it needs.",
        ),
        _told(
            "prices at their end", assets, scenarios, traded, traded.floored, "traded until the price was held at its floor or ceiling",
            f"All prices that trading moved stayed {ends}.", f"Prices that may not be negative are kept {ends}: look at the depth that is assumed.",
        ),
        _told(
            "depth table exhausted", assets, scenarios, traded, traded.exhausted, "traded beyond the last level of the depth table",
            "No order book was traded through to its end.", "Beyond it the price goes on at the mean slope of its side: give more levels.",
        ),
    ]  # fmt: skip


def _convergence(scenarios: Sequence[str], converged: Flags, max_rounds: int) -> Check:
    going = [scenarios[number] for number in np.flatnonzero(~converged).tolist()]
    if not going:
        message = f"The cascade came to rest in {_all(len(scenarios), 'scenario')}."
        return Check("cascade convergence", "info", "pass", "scenarios", message, 0, float(max_rounds), 0.0)
    message = (
        f"The cascade did not come to rest within {counted(max_rounds, 'round')} in {len(going):,} of {counted(len(scenarios), 'scenario')}: "
        f"{_some(going)}. What is told of {'it' if len(going) == 1 else 'them'} is where it stood then; raise `cascade.max_rounds`."
    )
    return Check("cascade convergence", "warning", "warn", "scenarios", message, len(going), float(max_rounds), float(len(going)))


def _told(check: str, assets: Sequence[str], scenarios: Sequence[str], traded: Traded, short: Flags, what: str, fine: str, hint: str) -> Check:
    """One check about assets that fell `short` where they were traded: the largest first, with the scenario in which most of it was."""
    notional = np.where(short & (traded.notional > 0.0), traded.notional, 0.0)
    most = notional.max(axis=1, initial=0.0)
    found = [code for code in np.argsort(-most, kind="stable").tolist() if most[code] > 0.0]
    severity: Literal["info", "warning"] = "warning" if found else "info"
    if not found:
        return Check(check, severity, "pass", "assets", fine, 0, None, 0.0, 0.0)
    each = [f"{assets[code]} (up to {most[code]:,.0f}, in {scenarios[int(notional[code].argmax())]})" for code in found[:SHOWN_KEYS]]
    more = f" and {len(found) - SHOWN_KEYS:,} more" if len(found) > SHOWN_KEYS else ""
    message = f"{counted(len(found), 'asset')} {what}: {', '.join(each)}{more}. {hint}"
    # Summed asset by asset, so that the bits do not depend on how an array lies in memory.
    total = max(float(sum(column)) for column in notional.T.tolist())
    return Check(check, severity, "warn", "assets", message, len(found), None, float(len(found)), total)


def _all(number: int, noun: str) -> str:
    return f"the {noun}" if number == 1 else f"all {number:,} {noun}s"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN_KEYS:,} more" if len(names) > SHOWN_KEYS else ""
    return f"{', '.join(names[:SHOWN_KEYS])}{more}"
