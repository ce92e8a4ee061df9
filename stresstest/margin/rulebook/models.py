"""What margin models of every kind share, and the kind `tiered`: a requirement position by position from margin schedules."""

from __future__ import annotations

from typing import Literal

from stresstest.documents import Flag, Name, Part
from stresstest.margin.rulebook.pairs import ZERO, AmountPair, Amounts, CapPair, Caps, RatioPair, Ratios, Sourced
from stresstest.scenarios.model import Where


class Assign(Part):
    """Instruments that pass `where` (null: all) take this margin schedule under the model, whatever the snapshot names."""

    where: Where | None = None
    margin_schedule: Name


class AssignCollateral(Part):
    """Assets that pass `where` (null: all) take this collateral schedule under the model, whatever the snapshot names."""

    where: Where | None = None
    collateral_schedule: Name


class BalanceRules(Sourced):
    """How balances, P&L and options come together in the margin balance; the same for every kind of model.

    `pnl_into: settle_balance` adds P&L to the balance of its settle asset (so that it takes its haircut); `value` adds it as it is.
    `positive_pnl_cap` is in reporting currency. `assign`, `assign_collateral`: first match, else the schedule that the snapshot names.
    """

    pnl_into: Literal["settle_balance", "value"] = "settle_balance"
    positive_pnl_weight: Ratios = RatioPair(maintenance=1.0, initial=1.0)
    positive_pnl_cap: Caps = CapPair()
    long_option_credit: Ratios = RatioPair(maintenance=0.0, initial=0.0)
    breach_at_equality: Flag = False
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


class TieredModel(BalanceRules):
    """A margin model of kind `tiered`.

    `net_by: underlying` nets non-option notionals per underlying and expiry and charges `spread_rate` on the matched part.
    """

    kind: Literal["tiered"] = "tiered"
    net_by: Literal["instrument", "underlying"] = "instrument"
    spread_rate: Amounts = ZERO

    @property
    def nets_by_underlying(self) -> bool:
        """Whether notionals net per underlying before schedules charge them."""
        return self.net_by == "underlying"

    @property
    def spread(self) -> AmountPair:
        """Rate on what nets across expiries."""
        return self.spread_rate
