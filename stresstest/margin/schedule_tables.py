"""Margin schedules as arrays: piecewise linear requirements, one record a schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.tables import DEDUCTION, IN_PROPORTION, MARGINAL, NO_GROWTH, SCHEDULE, SQUARE_ROOT, WHOLE
from stresstest.margin.rulebook import MarginSchedule, Rulebook

Floats = npt.NDArray[np.float64]
Records = npt.NDArray[Any]
_GROWTHS = {"square_root": SQUARE_ROOT, "skew": IN_PROPORTION}
_CONVENTIONS = {"marginal": MARGINAL, "deduction": DEDUCTION, "whole": WHOLE}


def records(kind: np.dtype[Any], rows: int, /, **columns: npt.ArrayLike) -> Records:
    """Records of a type of `kernels.tables` from columns."""
    records = np.zeros(rows, dtype=kind)
    for name, values in columns.items():
        records[name] = values
    return records


def _pieces(schedule: MarginSchedule) -> Floats:
    """[pieces, 5]: start, maintenance slope and constant, initial slope and constant, of the requirement as a function of the notional.

    `marginal`: slope = rate, constant = what makes it continuous. `deduction`: slope = rate, constant = -deduction, zero below deduction / rate.
    `whole`: slope = rate. For basis contracts the raw tiers (a deduction's zero then depends on the position).
    """
    found: list[list[float]] = []
    constant = [0.0, 0.0]
    before = [0.0, 0.0]
    for number, tier in enumerate(schedule.tiers):
        rates = [tier.maintenance_rate, tier.initial_rate]
        if schedule.convention == "marginal":
            constant = [c - (rate - old) * tier.from_ for c, rate, old in zip(constant, rates, before, strict=True)]
            before = rates
        elif schedule.convention == "deduction":
            constant = [-(tier.maintenance_deduction or 0.0), -(tier.initial_deduction or 0.0)]
        piece = [tier.from_, rates[0], constant[0], rates[1], constant[1]]
        if schedule.convention != "deduction" or schedule.basis == "contracts":
            found.append(piece)
            continue
        end = schedule.tiers[number + 1].from_ if number + 1 < len(schedule.tiers) else np.inf
        zeros = [-c / rate if rate > 0 else np.inf for c, rate in zip(constant, rates, strict=True)]
        for start in sorted({tier.from_, *(zero for zero in zeros if tier.from_ < zero < end)}):
            live = [start >= zero for zero in zeros]
            found.append([start, *(value if live[k // 2] else 0.0 for k, value in enumerate(piece[1:]))])
    return np.array(found).reshape(-1, 5)


def schedule_tables(rulebook: Rulebook) -> tuple[Records, Floats]:
    """Records of type `SCHEDULE`, and the pieces of all schedules one after the other [pieces, 5]."""
    pieces = [_pieces(schedule) for schedule in rulebook.margin_schedules.values()]
    counts = np.array([len(piece) for piece in pieces], dtype=np.int32)
    values = list(rulebook.margin_schedules.values())
    amounts = [schedule.amount_per_contract for schedule in values]
    sizes = [schedule.size_scaling for schedule in values]
    interests = [schedule.open_interest_scaling for schedule in values]
    found = records(
        SCHEDULE,
        len(values),
        first=np.concatenate([[0], np.cumsum(counts)])[:-1],
        count=counts,
        convention=[_CONVENTIONS[schedule.convention] for schedule in values],
        by_contracts=[schedule.basis == "contracts" for schedule in values],
        by_amount=[amount is not None for amount in amounts],
        maintenance_amount=[0.0 if amount is None else amount.maintenance for amount in amounts],
        initial_amount=[0.0 if amount is None else amount.initial for amount in amounts],
        growth=[NO_GROWTH if size is None else _GROWTHS[size.growth] for size in sizes],
        maintenance_growth=[0.0 if size is None else size.factor.maintenance for size in sizes],
        initial_growth=[0.0 if size is None else size.factor.initial for size in sizes],
        rate_share=[1.0 if size is None else size.rate_share for size in sizes],
        floor_to=[0.0 if size is None else size.floor_to or 0.0 for size in sizes],
        by_interest=[interest is not None for interest in interests],
        interest_from=[0.0 if interest is None else interest.from_ for interest in interests],
        interest_to=[0.0 if interest is None else interest.to for interest in interests],
    )
    return found, np.concatenate([*pieces, np.zeros((1, 5))])
