"""What `explain --json` prints, as a model; what the figures are is told by `margin.explain.Explanation`."""

from __future__ import annotations

from typing import Literal

from stresstest.cli.explain_charges_document import Charge, OrderSide, Strategy
from stresstest.cli.explain_grid_document import AddOn, From, Scan, SpreadCredit, To
from stresstest.results.documents import Document
from stresstest.tables import AttributionKind

Status = Literal["ok", "call", "liquidation", "default"]


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


class AttributionLine(Document):
    """A part of the change of margin balance less maintenance margin from base; negative: it took away. What `subject` is depends on the kind."""

    kind: AttributionKind
    subject: str | None
    amount: float


class AttributedPosition(Document):
    """What each factor did to the value of a position; the six effects add up to `value_change`. `requirement_change`: null, none of its own."""

    pool_id: str
    instrument_id: str
    underlying: str
    price: float
    vol: float
    rate: float
    basis: float
    time: float
    fx: float
    value_change: float
    requirement_change: float | None


class Attribution(Document):
    """Why the margin balance less maintenance margin of the account changed from base: `lines` add up to `change`."""

    change: float
    wrong_way_share: float
    lines: tuple[AttributionLine, ...]
    positions: tuple[AttributedPosition, ...]


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
    attribution: Attribution
