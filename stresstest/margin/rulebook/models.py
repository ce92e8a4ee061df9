"""What margin models of every kind share, and the kind `tiered`: a requirement position by position from margin schedules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from stresstest.documents import Flag, Found, Name, Part, problem, raise_all
from stresstest.margin.rulebook.add_ons import AddOn, check_without_grid
from stresstest.margin.rulebook.pairs import ZERO, AmountPair, Amounts, CapPair, Caps, RatioPair, Ratios, Sourced
from stresstest.margin.rulebook.scaling import ConservativePrices
from stresstest.scenarios.factors import FACTOR_TYPES
from stresstest.scenarios.model import Where

_OF_ASSETS = frozenset(FACTOR_TYPES["spot"].filters)
_OF_INSTRUMENTS = frozenset(Where.model_fields) - {"location"}


def _filters(what: str, known: frozenset[str]) -> Callable[[Where | None], Where | None]:
    """For `AfterValidator`: a filter that asks only for what is `known` of the things filtered."""

    def check(where: Where | None) -> Where | None:
        given = [] if where is None else [key for key, value in where if value is not None and key not in known]
        hint = f"Filters there: {', '.join(key for key in Where.model_fields if key in known)}."
        found: Found = [((key,), problem(f"{what} cannot be filtered by `{key}`", hint)) for key in given]
        raise_all("where", found)
        return where

    return check


InstrumentFilter = Annotated[Where | None, AfterValidator(_filters("instruments", _OF_INSTRUMENTS))]
"""Which instruments are meant; null: all."""


class Assign(Part):
    """Instruments that pass `where` (null: all) take this margin schedule under the model, whatever the snapshot names.

    So does the net of an underlying that passes it, where `where` asks for nothing that only instruments have.
    """

    where: InstrumentFilter = None
    margin_schedule: Name

    @property
    def of_underlyings(self) -> bool:
        """Whether it speaks of the nets of underlyings too."""
        return self.where is None or all(value is None or key in _OF_ASSETS for key, value in self.where)


class AssignCollateral(Part):
    """Assets that pass `where` (null: all) take this collateral schedule under the model, whatever the snapshot names."""

    where: Annotated[Where | None, AfterValidator(_filters("assets", _OF_ASSETS))] = None
    collateral_schedule: Name


class BalanceRules(Sourced):
    """How balances, P&L and options come together in the margin balance; the same for every kind of model.

    `pnl_into: settle_balance` adds P&L to the balance of its settle asset (so that it takes its haircut); `value` adds it as it is.
    `positive_pnl_cap` is in reporting currency. `assign`, `assign_collateral`: first match, else the schedule that the snapshot names.
    `preset` is where the model came from: it is written out, so that nothing depends on it any more.
    """

    preset: Annotated[Name | None, Field(exclude=True)] = None
    pnl_into: Literal["settle_balance", "value"] = "settle_balance"
    positive_pnl_weight: Ratios = RatioPair(maintenance=1.0, initial=1.0)
    positive_pnl_cap: Caps = CapPair()
    long_option_credit: Ratios = RatioPair(maintenance=0.0, initial=0.0)
    breach_at_equality: Flag = False
    conservative_prices: ConservativePrices | None = None
    assign: tuple[Assign, ...] = ()
    assign_collateral: tuple[AssignCollateral, ...] = ()

    @property
    def nets_by_underlying(self) -> bool:
        """Whether notionals net per underlying before schedules charge them."""
        return False

    @property
    def spread(self) -> AmountPair:
        """Rate on what nets across expiries."""
        return ZERO

    @property
    def per_order(self) -> AmountPair | None:
        """What is asked for every open order, reporting currency; None where orders are ignored."""
        return None

    @property
    def scheduled_kinds(self) -> frozenset[str]:
        """Kinds of instrument that margin schedules charge, so that all but spot need one."""
        return frozenset()

    @property
    def without_haircut(self) -> frozenset[str]:
        """Assets that count in the margin balance without haircut."""
        return frozenset()


class TieredModel(BalanceRules):
    """A margin model of kind `tiered`.

    `net_by: underlying` nets non-option notionals per underlying and expiry and charges `spread_rate` on the matched part. `add_ons` are
    asked besides what schedules ask. `orders: worst_side`: open orders count, for every instrument the worse of all bids filled and all
    asks filled; `order_amount` is asked for each of them.
    """

    kind: Literal["tiered"] = "tiered"
    net_by: Literal["instrument", "underlying"] = "instrument"
    spread_rate: Amounts = ZERO
    add_ons: tuple[AddOn, ...] = ()
    orders: Literal["ignore", "worst_side"] = "ignore"
    order_amount: Amounts = ZERO

    @model_validator(mode="after")
    def _without_grid(self) -> Self:
        found = check_without_grid(self.add_ons)
        if self.orders == "worst_side" and self.net_by == "underlying":
            hint = "Let the model net by instrument, or ignore orders."
            found.append((("orders",), problem("sides are compared instrument by instrument, and this model nets by underlying", hint)))
        if self.orders == "ignore" and (self.order_amount.maintenance or self.order_amount.initial):
            found.append((("order_amount",), problem("is asked for orders, which this model ignores", "Set `orders: worst_side`, or remove it.")))
        raise_all("model", found)
        return self

    @property
    def nets_by_underlying(self) -> bool:
        """Whether notionals net per underlying before schedules charge them."""
        return self.net_by == "underlying"

    @property
    def spread(self) -> AmountPair:
        """Rate on what nets across expiries."""
        return self.spread_rate

    @property
    def per_order(self) -> AmountPair | None:
        """What is asked for every open order, reporting currency; None where orders are ignored."""
        return self.order_amount if self.orders == "worst_side" else None

    @property
    def scheduled_kinds(self) -> frozenset[str]:
        """Kinds of instrument that margin schedules charge: all."""
        return frozenset({"spot", "future", "perpetual", "option"})
