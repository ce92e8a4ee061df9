"""Open orders of a pool: the worse of all bids and all asks filled, instrument by instrument and market by market (methodology, section 4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oracle.reading import Row, at_level
from oracle.valuation import position_value

if TYPE_CHECKING:
    from oracle.margin import Market, Pool


@dataclass
class Orders:
    """Open orders of a pool in one instrument, bids and asks as positive sums; what is set aside, in units of the settle asset and underlying."""

    bids: float = 0.0
    paid: float = 0.0
    asks: float = 0.0
    received: float = 0.0
    of_settle: float = 0.0
    of_underlying: float = 0.0
    count: int = 0

    def add(self, row: Row, inverse: bool, spot: bool) -> None:
        """One more order."""
        size, cost = row["quantity"], row["quantity"] / row["price"] if inverse else row["quantity"] * row["price"]
        if row["side"] == "buy":
            self.bids += size
            self.paid += cost
        else:
            self.asks += size
            self.received += cost
        if spot and row["side"] == "sell":
            self.of_underlying += row["reserved"]
        else:
            self.of_settle += row["reserved"]
        self.count += 1


def sides_requirement(market: Market, pool: Pool, model: Row, name: str, level: str, asked: Callable[[float], float]) -> float:
    """The worse side of the orders in a derivative: what the position after the fills needs, and what the fills lose. `asked` of a quantity."""
    orders, instrument, priced = pool.orders[name], market.snapshot.instruments[name], market.priced[name]
    held = pool.positions[name].quantity if name in pool.positions else 0.0
    worst = 0.0
    for filled, cost in ((orders.bids, orders.paid), (-orders.asks, -orders.received)):
        if instrument["kind"] == "option" and instrument["premium_style"] == "paid":
            credit = at_level(model.get("long_option_credit"), level, 0.0)
            unit = instrument["contract_size"] * market.state.value[instrument["quote"]]
            before, after = (quantity * (credit if quantity > 0.0 else 1.0) * priced.mark for quantity in (held, held + filled))
            gained = unit * (after - before - cost)
        else:
            gained = position_value(instrument, priced.mark, filled, cost, 0.0, market.state)
        worst = max(worst, asked(held + filled) + max(0.0, -gained))
    return worst


def spot_requirement(market: Market, pool: Pool, net: dict[str, float], worth: Callable[[str, float], float]) -> float:
    """What the worse side of every spot market takes from the balances `net`, in which is what was set aside; `worth`: what a balance counts."""
    spot = {name: orders for name, orders in pool.orders.items() if market.snapshot.instruments[name]["kind"] == "spot"}
    funds: list[tuple[list[tuple[str, float]], list[tuple[str, float]]]] = []
    without: dict[str, float] = defaultdict(float, net)
    for name, orders in spot.items():
        instrument = market.snapshot.instruments[name]
        base, quote, size = instrument["underlying"], instrument["settle"], instrument["contract_size"]
        of_base, of_quote = market.state.value[base], market.state.value[quote]
        unit = size * market.state.value[instrument["quote"]]
        kept_base, kept_quote = orders.of_underlying * of_base, orders.of_settle * of_quote
        without[base] -= kept_base
        without[quote] -= kept_quote
        bought = min(orders.bids * size * of_base, orders.paid * unit)
        brought = min(orders.received * unit, orders.asks * size * of_base)
        funds.append((
            [(base, kept_base + bought), (quote, kept_quote - orders.paid * unit)],
            [(base, kept_base - orders.asks * size * of_base), (quote, kept_quote + brought)],
        ))  # fmt: skip
    most: dict[str, float] = defaultdict(float)
    least: dict[str, float] = defaultdict(float)
    for bids, asks in funds:
        for (token, after_bids), (_, after_asks) in zip(bids, asks, strict=True):
            most[token] += max(0.0, after_bids, after_asks)
            least[token] += min(0.0, after_bids, after_asks)

    def last_added(token: str, amount: float) -> float:
        top = without[token] + (most[token] if amount >= 0.0 else least[token])
        return worth(token, top) - worth(token, top - amount)

    kept = sum(min(sum(last_added(token, amount) for token, amount in side) for side in sides) for sides in funds)
    as_they_are = sum(worth(token, net.get(token, 0.0)) - worth(token, without[token]) for token in most)
    return max(0.0, as_they_are - kept)
