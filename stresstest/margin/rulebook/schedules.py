"""Schedules of a margin file: haircuts of collateral, requirements of instruments. Formulas: docs/methodology.md, section 4."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from stresstest.documents import Amount, Found, Name, Number, Part, Ratio, problem, raise_all
from stresstest.margin.rulebook.pairs import ONE, Amounts, From, Sourced, not_empty, rising
from stresstest.margin.rulebook.scaling import Above, Concentration, OpenInterestScaling, RateScaling, WeightScaling


class Band(Part):
    """A haircut for the part of a balance above `from` (inclusive) and below the next band."""

    from_: From
    haircut: Ratio
    initial_haircut: Ratio | None = None

    @property
    def initial(self) -> float:
        """Haircut of the initial calculation; default: that of maintenance."""
        return self.haircut if self.initial_haircut is None else self.initial_haircut


class CollateralSchedule(Sourced):
    """Haircuts of an asset as collateral, and the weight of a debt in it.

    `basis: value` has thresholds in `currency` (null = reporting currency), `quantity` in units of the asset.
    Nothing counts above `cap`, in the same units, whatever a shock does to haircuts.
    """

    basis: Literal["value", "quantity"] = "value"
    currency: Name | None = None
    bands: Annotated[tuple[Band, ...], AfterValidator(not_empty), AfterValidator(rising)]
    liability_weight: Amounts = ONE
    cap: Above | None = None
    size_scaling: WeightScaling | None = None
    concentration: Concentration | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        found: Found = []
        if self.basis == "quantity" and self.currency is not None:
            found.append((("currency",), problem("thresholds in units of the asset have no currency", "Remove `currency`.")))
        if self.cap is not None and self.bands[-1].from_ >= self.cap:
            hint = f"Nothing counts above {self.cap:g}: remove the band, or raise the cap."
            found.append((("cap",), problem(f"is not above the last band, which begins at {self.bands[-1].from_:g}", hint)))
        raise_all("schedule", found)
        return self


class Tier(Part):
    """Rates for notional (or contracts) from `from` (inclusive) to the next tier."""

    from_: From
    maintenance_rate: Amount
    initial_rate: Amount
    maintenance_deduction: Amount | None = None
    initial_deduction: Amount | None = None


class ShortOptionRate(Part):
    """Per unit max(rate * |S| - otm, minimum * |base|)."""

    rate: Amount
    minimum: Amount


class ShortOption(Part):
    """Requirement of a short option; `base` of the minimum is the underlying's price or the strike."""

    maintenance: ShortOptionRate
    initial: ShortOptionRate
    base: Literal["underlying", "strike"] = "underlying"


class MarginSchedule(Sourced):
    """Requirement of an instrument: tiers of rates or an amount per contract, and a rule for short options.

    `currency` (null = reporting currency) is that of thresholds, deductions and amounts. `basis: contracts` has
    thresholds in contracts. `convention`: `marginal` (each tier's rate on the part inside), `deduction` (rate of the
    tier reached on all, less its deduction), `whole` (rate of the tier reached on all).
    """

    currency: Name | None = None
    basis: Literal["value", "contracts"] = "value"
    convention: Literal["marginal", "deduction", "whole"] = "marginal"
    tiers: Annotated[tuple[Tier, ...], AfterValidator(rising)] = ()
    amount_per_contract: Amounts | None = None
    max_notional: Annotated[Number, Field(gt=0)] | None = None
    above_max: Literal["extend", "refuse"] = "extend"
    short_option: ShortOption | None = None
    size_scaling: RateScaling | None = None
    open_interest_scaling: OpenInterestScaling | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        found: Found = []
        if not self.tiers and self.amount_per_contract is None and self.short_option is None:
            found.append(((), problem("the schedule asks for nothing", "Give `tiers`, `amount_per_contract` or `short_option`.")))
        if self.tiers and self.amount_per_contract is not None:
            found.append((("amount_per_contract",), problem("is given beside `tiers`", "Keep one of the two.")))
        for number, tier in enumerate(self.tiers):
            for key in ("maintenance_deduction", "initial_deduction"):
                given = getattr(tier, key) is not None
                if given and self.convention != "deduction":
                    hint = "Set `convention: deduction`, or remove it."
                    found.append((("tiers", number, key), problem(f"has no meaning with `convention: {self.convention}`", hint)))
                elif not given and self.convention == "deduction":
                    hint = "Give the amount that the venue publishes (often `cum`); 0 in the first tier."
                    found.append((("tiers", number), problem(f"`{key}` is missing, which `convention: deduction` needs", hint)))
        found += self._unscalable()
        if self.above_max == "refuse" and self.max_notional is None:
            found.append(
                (("above_max",), problem("`refuse` needs `max_notional`, which is missing", "Give `max_notional`, or let `above_max` be `extend`."))
            )
        raise_all("schedule", found)
        return self

    def _unscalable(self) -> Found:
        """What keeps rates from following size: a deduction continues fixed rates, and open interest moves one rate."""
        found: Found = []
        if self.size_scaling is not None and (not self.tiers or self.convention == "deduction"):
            hint = "Give `tiers` with `convention: marginal` or `whole`."
            found.append((("size_scaling",), problem("needs rates that may grow, without deductions", hint)))
        if self.open_interest_scaling is not None and (len(self.tiers) != 1 or self.convention == "deduction"):
            hint = "Give one tier from 0, with `convention: marginal` or `whole`."
            found.append((("open_interest_scaling",), problem("needs one rate for every size", hint)))
        return found
