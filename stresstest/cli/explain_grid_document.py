"""What `explain --json` prints of scans over a grid and of add-ons; what the figures are is told by `margin.explain.Explanation`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from stresstest.results.documents import Document

From = Annotated[float, Field(alias="from")]
To = Annotated[float | None, Field(alias="to")]


class GridRow(Document):
    """What a row of the grid makes of a risk group: the relative `move` of its prices, its P&L, and what of it counts in the scan."""

    number: int
    row: str
    move: float
    pnl: float
    counted: float


class Expiry(Document):
    """An expiry of a group in its row, and currency of strikes; null = undated. `pnl` = discount_factor * (option_value + option_pnl) -
    option_value + other_pnl; `counted` = weight times it, its loss or its size, as the row's `expiries` says."""

    row: str
    expiry: str | None
    currency: str | None
    years: float
    rate: float
    option_value: float
    option_pnl: float
    discount_factor: float
    other_pnl: float
    pnl: float
    weight: float
    counted: float


class GridPosition(Document):
    """A position in the row of its group: `pnl` = quantity * change + cost * cost_change + funding * settle_change; of a hedge value * move."""

    row: str
    subject: str
    instrument_id: str | None
    asset: str | None
    expiry: str | None
    currency: str | None
    quantity: float
    change: float | None
    cost: float | None
    cost_change: float | None
    funding: float | None
    settle_change: float | None
    value: float | None
    move: float | None
    vol: float | None
    row_vol: float | None
    pnl: float


class Group(Document):
    """A risk group: its own worst row and loss, the row that is shown (that of its scan), and what cap, credits and correlation make of it."""

    risk_group: str
    scan: str
    worst_row: str
    row: str
    worst_pnl: float
    scan_loss: float
    maximum_loss: float | None
    delta: float | None
    credit: float
    correlated: float | None
    loss: float
    rows: tuple[GridRow, ...]
    expiries: tuple[Expiry, ...]
    positions: tuple[GridPosition, ...]


class Scan(Document):
    """A scan loss that enters the requirement, of a risk group, a list of offsets or the pool: unscaled = max(loss_factor * loss, floor)."""

    scan: str
    worst_row: str
    loss: float
    loss_factor_maintenance: float
    loss_factor_initial: float
    floor_maintenance: float | None
    floor_initial: float | None
    unscaled_maintenance: float
    unscaled_initial: float
    margin_rate: float
    margin_multiplier: float
    requirement_maintenance: float
    requirement_initial: float
    groups: tuple[Group, ...]


class SpreadCredit(Document):
    """A spread credit: `spreads` formed of what earlier ones left of two deltas, and by how much the losses of the groups fall."""

    number: int
    group_1: str
    group_2: str
    rate: float
    delta_1: float
    delta_2: float
    spreads: float
    share_1: float
    share_2: float
    loss_1: float
    loss_2: float
    credit_1: float
    credit_2: float


class AddOnTier(Document):
    """What of the size of an add-on is inside a tier, and what it is charged, in reporting currency."""

    tier: int
    from_: From
    to_: To
    rate_maintenance: float
    rate_initial: float
    part: float
    charge_maintenance: float
    charge_initial: float


class AddOn(Document):
    """A net that a line measures: amount = size * rate (or tier by tier) * depeg; unscaled = amount * loss_factor; of a floor no requirement."""

    line: str
    risk_group: str
    subject: str
    instrument_id: str | None
    underlying: str | None
    expiry: str | None
    strike: float | None
    of: str
    net: str
    combine: Literal["add", "floor"]
    long: float | None
    short: float | None
    measure: float
    size: float
    rate_maintenance: float | None
    rate_initial: float | None
    depeg: float
    amount_maintenance: float
    amount_initial: float
    loss_factor_maintenance: float
    loss_factor_initial: float
    unscaled_maintenance: float
    unscaled_initial: float
    margin_rate: float
    margin_multiplier: float
    requirement_maintenance: float | None
    requirement_initial: float | None
    tiers: tuple[AddOnTier, ...]
