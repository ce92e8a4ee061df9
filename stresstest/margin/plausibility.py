"""What a margin file may say and hardly means: a call that comes after the liquidation, a deduction that makes the requirement jump."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from stresstest.margin.rulebook import (
    AmountPair,
    BalanceRules,
    CapPair,
    CollateralSchedule,
    LevelPair,
    MarginSchedule,
    RatioPair,
    Rulebook,
    StrategyModel,
)

Pair = AmountPair | RatioPair | CapPair | LevelPair
Found = Iterator[tuple[str, float, float]]
"""Figure, its maintenance version, its initial version."""


@dataclass(frozen=True)
class Doubt:
    """What is doubtful about one schedule or model. `figures`: how many of its figures are; the message shows the first."""

    subject: str
    message: str
    figures: int


def plausibility(rulebook: Rulebook) -> tuple[Doubt, ...]:
    """Schedules and models whose initial calculation asks for less, or gives more, than the maintenance one; and deductions that jump.

    The margin call should come before the liquidation: initial rates, amounts, haircuts and liability weights are at least those of
    maintenance, weights, caps and credits at most. A deduction should continue the tier below it, d_i = d_(i-1) + from_i * (rate_i - rate_(i-1)),
    to a cent or 1e-9 of the requirement. Nothing is refused, because a file may be meant so; data quality warns of it.
    """
    found: list[Doubt] = []
    for kind, named in (
        ("collateral schedule", {name: _of_collateral(each) for name, each in rulebook.collateral_schedules.items()}),
        ("margin schedule", {name: _of_margin(each) for name, each in rulebook.margin_schedules.items()}),
        ("model", {name: _of_model(each) for name, each in rulebook.models.items()}),
    ):
        for name, milder in named.items():
            figures = list(milder)
            if figures:
                what, maintenance, initial = figures[0]
                more = f", and {len(figures) - 1:,} more" if len(figures) > 1 else ""
                message = (
                    f"{kind} {name}: initial is milder than maintenance ({what}: {initial:g} against {maintenance:g}{more}), "
                    "so that an account can be liquidated before it is called."
                )
                found.append(Doubt(f"{kind} {name}", message, len(figures)))
    for name, schedule in rulebook.margin_schedules.items():
        jumps = [*_jumps(schedule, "maintenance"), *_jumps(schedule, "initial")]
        if jumps:
            more = f", and {len(jumps) - 1:,} more" if len(jumps) > 1 else ""
            message = (
                f"margin schedule {name}: {jumps[0]}{more}, so that a small move of a position's size or price changes its requirement by that much."
            )
            found.append(Doubt(f"margin schedule {name}, deductions", message, len(jumps)))
    return tuple(found)


def _jumps(schedule: MarginSchedule, side: str) -> Iterator[str]:
    """Thresholds at which the requirement jumps. By contracts the notional at a threshold is not known; deductions that are all 0 mean `whole`."""
    deductions = [getattr(tier, f"{side}_deduction") or 0.0 for tier in schedule.tiers]
    if schedule.convention != "deduction" or schedule.basis == "contracts" or not any(deductions):
        return
    for (low, before), (high, deduction) in pairwise(zip(schedule.tiers, deductions, strict=True)):
        rate = getattr(high, f"{side}_rate")
        continued = before + high.from_ * (rate - getattr(low, f"{side}_rate"))
        jump = continued - deduction
        if abs(jump) > max(0.01, 1e-9 * high.from_ * rate):
            where = f"{side} requirement at {high.from_:,.10g}"
            yield f"the {where} jumps by {jump:+,.10g} (deduction {deduction:,.10g}; {continued:,.10g} continues the tier below)"


def _of_collateral(schedule: CollateralSchedule) -> Found:
    for band in schedule.bands:
        if band.initial < band.haircut:
            yield f"haircut from {band.from_:g}", band.haircut, band.initial
    yield from _lower("liability_weight", schedule.liability_weight)
    if schedule.size_scaling is not None:
        yield from _lower("size_scaling factor", schedule.size_scaling.factor)
    if schedule.concentration is not None:
        for name in ("deposits_above", "borrows_above"):
            maintenance, initial = _ends(getattr(schedule.concentration, name))
            if initial > maintenance:
                yield f"concentration {name}", maintenance, initial


def _of_margin(schedule: MarginSchedule) -> Found:
    for tier in schedule.tiers:
        if tier.initial_rate < tier.maintenance_rate:
            yield f"rate from {tier.from_:g}", tier.maintenance_rate, tier.initial_rate
    if schedule.amount_per_contract is not None:
        yield from _lower("amount_per_contract", schedule.amount_per_contract)
    if schedule.size_scaling is not None:
        yield from _lower("size_scaling factor", schedule.size_scaling.factor)
    short = schedule.short_option
    if short is not None:
        yield from _lower("short_option rate", AmountPair(maintenance=short.maintenance.rate, initial=short.initial.rate))
        yield from _lower("short_option minimum", AmountPair(maintenance=short.maintenance.minimum, initial=short.initial.minimum))


def _of_model(model: BalanceRules) -> Found:
    yield from _lower("spread_rate", model.spread)
    prices = model.conservative_prices
    if prices is not None and prices.maintenance and not prices.initial:
        yield "conservative_prices", 1.0, 0.0
    for name in ("positive_pnl_weight", "positive_pnl_cap", "long_option_credit"):
        maintenance, initial = _ends(getattr(model, name))
        if initial > maintenance:
            yield name, maintenance, initial
    if isinstance(model, StrategyModel):
        yield from _of_strategy(model)


def _of_strategy(model: StrategyModel) -> Found:
    yield from _lower("unpaired_scale", model.unpaired_scale)
    for number, rule in enumerate(model.naked_shorts):
        # With a multiple of at least one, initial margin follows that of maintenance by value too.
        for name in ("rate", "minimum") if rule.initial_multiple >= 1.0 else ("rate", "minimum", "of_value"):
            maintenance, initial = getattr(rule.maintenance, name), getattr(rule.initial, name)
            if initial < maintenance:
                yield f"naked_shorts[{number}].{name}", maintenance, initial
    for number, long in enumerate(model.long_options):
        yield from _lower(f"long_options[{number}].rate", long.rate)
    if model.shares is not None:
        yield from _lower("shares.long", model.shares.long)
        yield from _lower("shares.short", model.shares.short)


def _lower(name: str, pair: Pair) -> Found:
    maintenance, initial = _ends(pair)
    if initial < maintenance:
        yield name, maintenance, initial


def _ends(pair: Pair) -> tuple[float, float]:
    """Maintenance and initial figure; no cap is an infinite one."""
    maintenance, initial = (float("inf") if each is None else each for each in (pair.maintenance, pair.initial))
    return maintenance, initial
