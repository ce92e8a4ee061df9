"""The margin file: collateral schedules, margin schedules and models, checked.

Formulas are in docs/methodology.md, section 4. Every pair `{maintenance, initial}` may also be one number for both.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from stresstest.documents import (
    Amount,
    Flag,
    Found,
    Name,
    Number,
    Part,
    Ratio,
    ToCome,
    Version,
    expect,
    not_yet,
    parse,
    problem,
    raise_all,
    read_document,
)  # fmt: skip
from stresstest.errors import Reason
from stresstest.scenarios.names import MarginNames


class AmountPair(Part):
    """A non-negative figure for the maintenance and the initial calculation."""

    maintenance: Amount
    initial: Amount


class RatioPair(Part):
    """A share between 0 and 1 for the maintenance and the initial calculation."""

    maintenance: Ratio
    initial: Ratio


class CapPair(Part):
    """An optional cap for the maintenance and the initial calculation; null = none. Reporting currency."""

    maintenance: Amount | None = None
    initial: Amount | None = None


def _both(value: object) -> object:
    """One number for both calculations; everything else is left to the checks of the pair."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {"maintenance": value, "initial": value}
    return value


Amounts = Annotated[AmountPair, BeforeValidator(_both, json_schema_input_type=AmountPair | Amount)]
Ratios = Annotated[RatioPair, BeforeValidator(_both, json_schema_input_type=RatioPair | Ratio)]
Caps = Annotated[CapPair, BeforeValidator(_both, json_schema_input_type=CapPair | Amount)]


class Threshold(Protocol):
    """Anything that holds from a threshold on."""

    @property
    def from_(self) -> float:
        """Lower edge, inclusive."""


T = TypeVar("T", bound=Threshold)


def _rising(rows: tuple[T, ...]) -> tuple[T, ...]:
    found: Found = []
    if rows and rows[0].from_ != 0:
        found.append(((0, "from"), problem(f"the first threshold must be 0, not {rows[0].from_:g}", "Say what holds from zero on.")))
    for number, (before, row) in enumerate(itertools.pairwise(rows), start=1):
        if row.from_ <= before.from_:
            hint = "Sort the rows by `from` and keep each threshold once."
            found.append(((number, "from"), problem(f"thresholds must rise: {row.from_:g} follows {before.from_:g}", hint)))
    raise_all("thresholds", found)
    return rows


def _not_empty(rows: tuple[T, ...]) -> tuple[T, ...]:
    if not rows:
        raise problem("has no rows", "Give at least the one from 0.")
    return rows


From = Annotated[Amount, Field(alias="from")]


class Band(Part):
    """A haircut for the part of a balance above `from` (inclusive) and below the next band."""

    from_: From
    haircut: Ratio
    initial_haircut: Ratio | None = None

    @property
    def initial(self) -> float:
        """Haircut of the initial calculation; default: that of maintenance."""
        return self.haircut if self.initial_haircut is None else self.initial_haircut


def _free_text(value: object) -> object:
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


class Sourced(Part):
    """Where a schedule comes from and of which day it is; free text."""

    source: str | None = None
    as_of: Annotated[str | None, BeforeValidator(_free_text)] = None


class CollateralSchedule(Sourced):
    """Haircuts of an asset as collateral, and the weight of a debt in it.

    `basis: value` has thresholds in `currency` (null = reporting currency), `quantity` in units of the asset.
    """

    basis: Literal["value", "quantity"] = "value"
    currency: Name | None = None
    bands: Annotated[tuple[Band, ...], AfterValidator(_not_empty), AfterValidator(_rising)]
    liability_weight: Amounts = AmountPair(maintenance=1.0, initial=1.0)
    cap: ToCome = None
    concentration: ToCome = None

    @model_validator(mode="after")
    def _currency_of_values(self) -> Self:
        if self.basis == "quantity" and self.currency is not None:
            raise_all("schedule", [(("currency",), problem("thresholds in units of the asset have no currency", "Remove `currency`."))])
        return self


class Tier(Part):
    """Rates for notional (or contracts) from `from` (inclusive) to the next tier."""

    from_: From
    maintenance_rate: Amount
    initial_rate: Amount
    maintenance_deduction: Amount | None = None
    initial_deduction: Amount | None = None


class ShortOptionRate(Part):
    """Per unit max(rate * S - otm, minimum * base)."""

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
    tiers: Annotated[tuple[Tier, ...], AfterValidator(_rising)] = ()
    amount_per_contract: Amounts | None = None
    max_notional: Annotated[Number, Field(gt=0)] | None = None
    above_max: Literal["extend", "refuse"] = "extend"
    short_option: ShortOption | None = None
    size_scaling: ToCome = None
    open_interest_scaling: ToCome = None
    concentration: ToCome = None

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
        if self.above_max == "refuse" and self.max_notional is None:
            found.append(
                (("above_max",), problem("`refuse` needs `max_notional`, which is missing", "Give `max_notional`, or let `above_max` be `extend`."))
            )
        raise_all("schedule", found)
        return self


class Model(Part):
    """A margin model of kind `tiered`.

    `net_by: underlying` nets non-option notionals per underlying and expiry and charges `spread_rate` on the matched
    part. `pnl_into: settle_balance` adds P&L to the balance of its settle asset (so that it takes its haircut);
    `value` adds it as it is. `positive_pnl_cap` is in reporting currency.
    """

    kind: Literal["tiered"] = "tiered"
    net_by: Literal["instrument", "underlying"] = "instrument"
    spread_rate: Amounts = AmountPair(maintenance=0.0, initial=0.0)
    pnl_into: Literal["settle_balance", "value"] = "settle_balance"
    positive_pnl_weight: Ratios = RatioPair(maintenance=1.0, initial=1.0)
    positive_pnl_cap: Caps = CapPair()
    long_option_credit: Ratios = RatioPair(maintenance=0.0, initial=0.0)
    breach_at_equality: Flag = False
    source: str | None = None
    as_of: Annotated[str | None, BeforeValidator(_free_text)] = None
    preset: ToCome = None
    assign: ToCome = None

    @model_validator(mode="before")
    @classmethod
    def _kind_to_come(cls, data: Any) -> Any:
        # Before the keys are checked: those of another kind would all be called unknown.
        if isinstance(data, dict) and data.get("kind") in ("portfolio", "strategy"):
            raise not_yet(f"models of kind {data['kind']}", "Use `kind: tiered`.")
        return data


class Rulebook(Part):
    """A margin file. `models` always has `default`: kind tiered with all defaults where the file has none."""

    version: Version = 1
    name: str | None = None
    source: str | None = None
    as_of: Annotated[str | None, BeforeValidator(_free_text)] = None
    collateral_schedules: dict[Name, CollateralSchedule] = Field(default={})
    margin_schedules: dict[Name, MarginSchedule] = Field(default={})
    models: Annotated[dict[Name, Model], AfterValidator(lambda models: {"default": Model(), **models})] = Field(default={}, validate_default=True)

    def margin_names(self) -> MarginNames:
        """The names that `margin_rate` shocks may mean."""
        return MarginNames(schedules=tuple(self.margin_schedules), tiered_models=tuple(self.models))


def load_rulebook(path: Path | str) -> Rulebook:
    """The margin file at `path`.

    Raises:
        StressTestError: reason MARGIN_FILE with every fault and its line; NOT_IN_THIS_VERSION where models, presets or
            options to come are all that is wrong.
    """
    return parse(Rulebook, expect(read_document(path, Reason.MARGIN_FILE), "margin file", Reason.MARGIN_FILE), Reason.MARGIN_FILE)
