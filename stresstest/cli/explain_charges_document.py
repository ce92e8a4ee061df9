"""What `explain --json` prints of charges by schedule, strategies and open orders; what the figures are is told by `margin.explain.Explanation`."""

from __future__ import annotations

from typing import Literal

from stresstest.cli.explain_grid_document import From, To
from stresstest.results.documents import Document


class Tier(Document):
    """What of a charge is inside a tier, in units of `basis`, and what it is charged, in `currency`."""

    schedule: str
    basis: str
    convention: str
    currency: str
    tier: int
    from_: From
    to_: To
    growth_size: float | None
    base_rate_maintenance: float
    base_rate_initial: float
    rate_maintenance: float
    rate_initial: float
    deduction_maintenance: float
    deduction_initial: float
    part: float
    part_initial: float
    charge_maintenance: float
    charge_initial: float


class Charge(Document):
    """One thing charged, a position or a net of an underlying; null where its `rule` has no such figure."""

    subject: str
    instrument_id: str | None
    underlying: str
    schedule: str | None
    rule: str
    basis: str | None
    convention: str | None
    currency: str | None
    currency_value: float | None
    contracts: float
    notional: float
    size: float | None
    notional_factor_maintenance: float | None
    notional_factor_initial: float | None
    long: float | None
    short: float | None
    leverage: float | None
    tiers_maintenance: float | None
    tiers_initial: float | None
    spread_rate_maintenance: float | None
    spread_rate_initial: float | None
    spread_maintenance: float | None
    spread_initial: float | None
    open_interest: float | None
    interest_share: float | None
    interest: float | None
    leverage_floor: float | None
    per_contract: bool | None
    amount_maintenance: float | None
    amount_initial: float | None
    units: float | None
    strike_currency_value: float | None
    underlying_price: float | None
    out_of_the_money: float | None
    short_base: float | None
    short_rate_maintenance: float | None
    short_rate_initial: float | None
    short_minimum_maintenance: float | None
    short_minimum_initial: float | None
    current_value: float | None
    long_option_credit_maintenance: float | None
    long_option_credit_initial: float | None
    unscaled_maintenance: float
    unscaled_initial: float
    margin_rate: float
    margin_multiplier: float
    requirement_maintenance: float
    requirement_initial: float
    tiers: tuple[Tier, ...]


class StrategyLeg(Document):
    """A leg of a strategy: units of the underlying, long or short, its value, and what it needs apart from the others."""

    instrument_id: str
    kind: str
    option_type: str | None
    strike: float | None
    expiry: str | None
    units: float
    unit_value: float
    value: float
    underlying_price: float
    out_of_the_money: float | None
    base: float | None
    daily_multiple: float
    initial_multiple: float
    naked_rate_maintenance: float
    naked_rate_initial: float
    naked_minimum_maintenance: float
    naked_minimum_initial: float
    naked_of_value_maintenance: float
    naked_of_value_initial: float
    naked_maintenance: float
    naked_initial: float
    long_rate_maintenance: float
    long_rate_initial: float
    apart_maintenance: float
    apart_initial: float


class Strategy(Document):
    """What a strategy model recognises together and what it needs; null where its `rule` has no such figure."""

    strategy: int
    underlying: str
    rule: str
    expiry: str | None
    apart_maintenance: float
    apart_initial: float
    strike_currency_value: float
    loss: float
    loss_value: float | None
    unpaired: float
    forward: float | None
    unpaired_scale_maintenance: float
    unpaired_scale_initial: float
    unpaired_maintenance: float
    unpaired_initial: float
    debit: float | None
    together_maintenance: float | None
    together_initial: float | None
    unscaled_maintenance: float
    unscaled_initial: float
    margin_rate: float
    margin_multiplier: float
    requirement_maintenance: float
    requirement_initial: float
    legs: tuple[StrategyLeg, ...]


class OrderSide(Document):
    """All bids or all asks of open orders filled; null where a row has no such figure. `requirement_*` is on the side that counts.

    `subject`: an instrument, `spot markets together`, or `every order` for the amount asked for each.
    """

    subject: str
    side: Literal["bids", "asks"] | None
    orders: float | None
    filled: float | None
    order_cost: float | None
    held: float | None
    after: float | None
    asked_maintenance: float | None
    asked_initial: float | None
    lost_maintenance: float | None
    lost_initial: float | None
    need_maintenance: float | None
    need_initial: float | None
    worth_maintenance: float | None
    worth_initial: float | None
    requirement_maintenance: float | None
    requirement_initial: float | None
