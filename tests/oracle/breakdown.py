"""Collateral by asset and location in a scenario: naive sums over pools (methodology, section 7)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from oracle.margin import Market, Pool, after_haircut, build_pools, collateral_schedule
from oracle.reading import Row, Snapshot
from oracle.scaling import debt_weight, price_factor
from oracle.shocks import BASE, holding_share, resolve
from oracle.totals import OracleResult, tolerance
from oracle.valuation import option_terms


@dataclass
class Held:
    """What is held of an asset at a location; borrows as positive amounts."""

    price: float = 0.0
    quantity: float = 0.0
    value: float = 0.0
    value_after_haircut: float = 0.0
    loss: float = 0.0
    wrong_way_loss: float = 0.0
    shortfall_loss: float = 0.0
    borrowed_quantity: float = 0.0
    borrowed_value: float = 0.0
    borrowed_value_weighted: float = 0.0
    accounts: set[str] = field(default_factory=set)
    wrong_way_accounts: set[str] = field(default_factory=set)
    borrowing_accounts: set[str] = field(default_factory=set)


def collateral(snapshot: Snapshot, margin: Row, scenario: Row, result: OracleResult) -> dict[tuple[str, str | None], Held]:
    """By asset and location, in one scenario of a reference run (or in `BASE`)."""
    base_state = resolve(snapshot, BASE, {})
    forwards = {name: term.base_forward for name, term in option_terms(snapshot, base_state).items()}
    state = base_state if scenario["id"] == "base" else resolve(snapshot, scenario, forwards)
    market = Market(snapshot, margin, state, {}, base_state, {})
    found: dict[tuple[str, str | None], Held] = defaultdict(Held)
    for pool in build_pools(snapshot):
        account = pool.account_id
        figures = result.accounts[account, scenario["id"]]
        forgiven = tolerance(result.gross_notional[account])
        losing, short = float(figures["position_pnl"]) < -forgiven, float(figures["margin_shortfall"]) > forgiven
        rates = mean_rates(market, pool)
        for asset, location, quantity in pool.balances:
            if quantity == 0.0:
                continue
            row = found[asset, location]
            row.price = state.value[asset]
            if quantity < 0.0:
                row.borrowing_accounts.add(account)
                row.borrowed_quantity -= quantity
                row.borrowed_value -= quantity * state.value[asset]
                row.borrowed_value_weighted -= quantity * state.value[asset] * rates[asset]
                continue
            value = quantity * state.value[asset] * holding_share(snapshot, state, asset, location)
            loss = quantity * base_state.value[asset] - value
            row.accounts.add(account)
            row.quantity += quantity
            row.value += value
            row.value_after_haircut += value * rates[asset]
            row.loss += loss
            if losing:
                row.wrong_way_accounts.add(account)
                row.wrong_way_loss += loss
            if short:
                row.shortfall_loss += loss
    for row in found.values():
        row.wrong_way_loss, row.shortfall_loss = max(0.0, row.wrong_way_loss), max(0.0, row.shortfall_loss)
    return dict(found)


def mean_rates(market: Market, pool: Pool) -> dict[str, float]:
    """Per asset what its balance in the pool, without P&L, counts for maintenance, as a share of it."""
    balances: dict[str, float] = defaultdict(float)
    for asset, location, quantity in pool.balances:
        share = holding_share(market.snapshot, market.state, asset, location) if quantity > 0.0 else 1.0
        balances[asset] += quantity * share * market.state.value[asset]
    rates, model = {}, market.margin["models"][pool.model_name]
    for asset, balance in balances.items():
        rates[asset] = 0.0
        if balance > 0.0:
            rates[asset] = after_haircut(market, model, asset, balance, "maintenance") / balance
        elif balance < 0.0:
            weight = debt_weight(market, asset, collateral_schedule(market, model, asset), balance, "maintenance")
            rates[asset] = weight * price_factor(market, model, asset, False, "maintenance")
    return rates
