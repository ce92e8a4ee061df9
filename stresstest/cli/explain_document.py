"""What `explain --json` prints, as a model; what the figures are is told by `margin.explain.Explanation`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from stresstest.cli.explain_grid_document import AddOn, Scan, SpreadCredit
from stresstest.results.documents import Document

Status = Literal["ok", "call", "liquidation", "default"]
From = Annotated[float, Field(alias="from")]
To = Annotated[float | None, Field(alias="to")]


class Measures(Document):
    """The measures of a pool or account, in reporting currency."""

    equity: float
    pnl: float
    position_pnl: float
    collateral_pnl: float
    collateral_value: float
    margin_balance_initial: float
    margin_balance: float
    initial_margin: float
    maintenance_margin: float
    initial_shortfall: float
    margin_shortfall: float
    uncollateralised_loss: float
    stress_loss_over_margin: float
    gross_notional: float
    status: Status


class AccountTotals(Measures):
    """An account: the sum of its pools, its status the worst of theirs."""

    pools: int
    worst_row: str | None


class PoolTotals(Measures):
    """A pool, with what its measures are made of; `collateral_kept` is k of stress loss over margin. `worst_row` and `worst_scan_loss` are the grid
    row of the largest scan loss, and that loss; null without a grid."""

    model: str
    margin_multiplier: float
    position_value: float
    base_position_value: float
    base_collateral_value: float
    base_initial_margin: float
    collateral_kept: float
    tolerance: float
    breach_at_equality: bool
    worst_row: str | None
    worst_scan_loss: float | None


class Position(Document):
    """A netted position: quantities, prices in its quote currency, values in reporting currency, and its requirement by itself."""

    instrument_id: str
    kind: str
    underlying: str
    quote: str
    settle: str
    style: str
    quantity: float
    contract_size: float
    cost: float
    mean_entry: float | None
    funding: float
    base_price: float
    stressed_price: float
    price_move: float | None
    base_quote_value: float
    stressed_quote_value: float
    base_settle_value: float
    stressed_settle_value: float
    base_forward: float | None
    stressed_forward: float | None
    base_vol: float | None
    stressed_vol: float | None
    treatment: str | None
    exercise: str | None
    base_value: float
    stressed_value: float
    value_change: float
    notional: float
    joins: str | None
    joined_maintenance: float
    joined_initial: float
    added_maintenance: float
    added_initial: float
    marked_value_maintenance: float
    marked_value_initial: float
    schedule: str | None
    rule: str
    unscaled_maintenance: float | None
    unscaled_initial: float | None
    requirement_maintenance: float | None
    requirement_initial: float | None


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


class Balance(Document):
    """A row of collateral; isolated margin has no location."""

    location: str | None
    amount: float
    holding_share: float
    base_price: float
    stressed_price: float
    base_value: float
    stressed_value: float
    value_change: float


class Band(Document):
    """What of a token is inside a band of its schedule, and what of it counts, in reporting currency."""

    band: int
    from_: From
    to_: To
    haircut_maintenance: float
    haircut_initial: float
    stressed_haircut_maintenance: float
    stressed_haircut_initial: float
    part_maintenance: float
    part_initial: float
    kept_maintenance: float
    kept_initial: float


class Token(Document):
    """The net balance of a token, what joins it, and what it counts as margin."""

    asset: str
    rows: int
    amount: float
    base_balance: float
    balance: float
    joined_maintenance: float
    joined_initial: float
    net_maintenance: float
    net_initial: float
    ratio: float
    schedule: str | None
    basis: str | None
    price_low_maintenance: float
    price_low_initial: float
    price_high_maintenance: float
    price_high_initial: float
    deposit_share_maintenance: float
    deposit_share_initial: float
    most_maintenance: float | None
    most_initial: float | None
    liability_weight_maintenance: float
    liability_weight_initial: float
    borrow_multiple_maintenance: float
    borrow_multiple_initial: float
    debt_weight_maintenance: float
    debt_weight_initial: float
    debt_weight_own_maintenance: float
    margin_value_maintenance: float
    margin_value_initial: float
    collateral_after_initial_haircut: float
    collateral_after_maintenance_haircut: float
    balances: tuple[Balance, ...]
    bands: tuple[Band, ...]


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


class Pool(Document):
    """A margin pool and everything its figures come from."""

    pool_id: str
    totals: PoolTotals
    positions: tuple[Position, ...]
    charges: tuple[Charge, ...]
    strategies: tuple[Strategy, ...]
    orders: tuple[OrderSide, ...]
    tokens: tuple[Token, ...]
    scans: tuple[Scan, ...]
    credits: tuple[SpreadCredit, ...]
    add_ons: tuple[AddOn, ...]


class Explanation(Document):
    """`explain`: one account in one scenario. `scenario_choice`: how the scenario was chosen."""

    schema_version: Literal[1]
    kind: Literal["explain"]
    account_id: str
    owner_id: str
    scenario_id: str
    scenario_choice: Literal["named", "worst headline", "worst", "base"]
    reporting_currency: str
    account: AccountTotals
    pools: tuple[Pool, ...]
