"""Variation margin by currency against what pools hold of it: naive loops over pools (methodology, section 9)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from oracle.comparing import agree
from oracle.margin import Market, Pool, after_haircut, build_pools, collateral_schedule, value_of
from oracle.reading import Row, Snapshot
from oracle.scaling import debt_weight, price_factor
from oracle.shocks import BASE, holding_share, resolve
from oracle.totals import OracleResult, tolerance
from oracle.valuation import is_settled_in_profit_and_loss, option_terms, value_instruments

FIGURES = ("variation_call", "from_balance", "cash_to_find", "from_gains", "to_sell", "unpaid")

MOST_OWNERS = 100


def no_figures() -> dict[str, float]:
    return dict.fromkeys(FIGURES, 0.0)


@dataclass
class PoolCalls:
    """Calls of one pool: figures by currency, gains by currency, and by asset what it holds and what it sells (at spot, and what that counts)."""

    calls: dict[str, dict[str, float]]
    gains: dict[str, float]
    balances: dict[str, float]
    sold: dict[str, tuple[float, float]]


@dataclass
class Called:
    """One scenario: figures by (account, currency); by asset gains, balances, what is sold and what that counts."""

    accounts: dict[tuple[str, str], dict[str, float]] = field(default_factory=lambda: defaultdict(no_figures))
    gains: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    balances: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    sold: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    sold_for: dict[str, float] = field(default_factory=lambda: defaultdict(float))


def pool_calls(market: Market, pool: Pool) -> PoolCalls:
    """What one pool must pay, and how it does."""
    snapshot, state, model = market.snapshot, market.state, market.margin["models"][pool.model_name]
    held: dict[str, float] = defaultdict(float)
    unsettled: dict[str, float] = defaultdict(float)
    owed = 0.0
    for asset, location, quantity in pool.balances:
        held[asset] += quantity * state.value[asset] * (holding_share(snapshot, state, asset, location) if quantity > 0.0 else 1.0)
    for name, position in pool.positions.items():
        instrument, value = snapshot.instruments[name], value_of(market, name, position)
        if is_settled_in_profit_and_loss(instrument):
            unsettled[instrument["settle"]] += value
        elif instrument["kind"] == "spot":
            held[instrument["underlying"]] += value
        else:
            owed += min(0.0, value)
    balances = {asset: max(0.0, value) for asset, value in held.items()}
    gains = {currency: max(0.0, value) for currency, value in unsettled.items()}
    calls = {}
    for currency, value in unsettled.items():
        due = max(0.0, -value)
        paid = min(due, max(0.0, held.get(currency, 0.0)))
        if paid > 0.0:
            held[currency] -= paid
        calls[currency] = no_figures() | {"variation_call": due, "from_balance": paid, "cash_to_find": due - paid}
    need = sum(call["cash_to_find"] for call in calls.values())
    if need <= 0.0:
        return PoolCalls(calls, gains, balances, {})
    counts = {asset: after_haircut(market, model, asset, value, "maintenance") for asset, value in held.items() if value > 0.0}
    debts = 0.0
    for asset, value in held.items():
        if value < 0.0:
            weight = debt_weight(market, asset, collateral_schedule(market, model, asset), value, "maintenance")
            debts -= value * weight * price_factor(market, model, asset, False, "maintenance")
    gained = sum(gains.values())
    met = min(need, max(0.0, gained + sum(counts.values()) - debts + owed))
    wanted = max(0.0, met - gained)
    for call in calls.values():
        share = call["cash_to_find"] / need
        call["from_gains"] = share * min(met, gained)
        call["to_sell"] = share * wanted
        call["unpaid"] = share * (need - met)
    sold = {}
    for asset in sorted(counts, key=lambda asset: (-round(counts[asset] / held[asset], 9), asset)):
        taken = min(wanted, counts[asset])
        wanted -= taken
        if taken > 0.0:
            sold[asset] = (taken / counts[asset] * held[asset], taken)
    return PoolCalls(calls, gains, balances, sold)


def called(snapshot: Snapshot, margin: Row, scenario: Row) -> Called:
    """All pools in one scenario (or in `BASE`)."""
    base = resolve(snapshot, BASE, {})
    terms = option_terms(snapshot, base)
    state = base if scenario["id"] == "base" else resolve(snapshot, scenario, {name: term.base_forward for name, term in terms.items()})
    market = Market(snapshot, margin, state, value_instruments(snapshot, base, state, terms), base, terms)
    found = Called()
    for pool in build_pools(snapshot):
        of_pool = pool_calls(market, pool)
        for currency, call in of_pool.calls.items():
            account = found.accounts[pool.account_id, currency]
            for name, amount in call.items():
                account[name] += amount
        for asset, amount in of_pool.gains.items():
            found.gains[asset] += amount
        for asset, amount in of_pool.balances.items():
            found.balances[asset] += amount
        for asset, (amount, counted) in of_pool.sold.items():
            found.sold[asset] += amount
            found.sold_for[asset] += counted
    return found


def listed(calling: set[tuple[str, str]], found: Called, expected: OracleResult) -> set[tuple[str, str]]:
    """Of (owner, currency) those of the owners with the largest unpaid calls, then with the most cash to find."""
    unpaid, cash = defaultdict[str, float](float), defaultdict[str, float](float)
    for (account, currency), call in found.accounts.items():
        owner = expected.owner_of[account]
        if (owner, currency) in calling:
            unpaid[owner] += call["unpaid"]
            cash[owner] += call["cash_to_find"]
    owners = sorted(cash, key=lambda owner: (-unpaid[owner], -cash[owner], owner))[:MOST_OWNERS]
    return {(owner, currency) for owner, currency in calling if owner in owners}


def compare_funding(tables: dict[str, list[Row]], scenario: str, found: Called, expected: OracleResult) -> list[str]:
    """What the tables `funding`, `funding_summary` and `funding_owners` and the reference disagree about, in one scenario."""
    scale = sum(expected.scale.values())
    # Amounts are added up over the book; who calls is asked of an account.
    fails = {
        name: {
            (account, currency) for (account, currency), call in found.accounts.items() if call[figure] > tolerance(expected.gross_notional[account])
        }
        for name, figure in (("accounts_calling", "cash_to_find"), ("accounts_selling", "to_sell"), ("accounts_not_paying", "unpaid"))
    }
    differences = []

    def same(where: str, row: Row, amounts: dict[str, float], counts: dict[str, int]) -> None:
        wrong = [(name, amount) for name, amount in amounts.items() if not agree(row[name], amount, scale)]
        wrong += [(name, count) for name, count in counts.items() if row[name] != count]
        differences.extend(f"{where}: {name} {row[name]}, not {value}" for name, value in wrong)

    def summed(chosen: list[dict[str, float]]) -> dict[str, float]:
        return {name: sum(call[name] for call in chosen) for name in FIGURES}

    there = {row["currency"]: row for row in tables["funding"] if row["scenario_id"] == scenario}
    wanted = {currency for (_, currency), call in found.accounts.items() if call["variation_call"] > 1e-3} | {
        asset for asset, amount in found.sold.items() if amount > 1e-3
    }
    differences += [f"funding in {scenario} has no {currency}" for currency in sorted(wanted - there.keys())]
    for currency, row in there.items():
        amounts = summed([call for (_, of), call in found.accounts.items() if of == currency])
        amounts |= {
            "variation_gain": found.gains[currency],
            "balances": found.balances[currency],
            "sold": found.sold[currency],
            "sold_for": found.sold_for[currency],
        }
        counts = {name: len({account for account, of in pairs if of == currency}) for name, pairs in fails.items()}
        counts["owners_not_paying"] = len({expected.owner_of[account] for account, of in fails["accounts_not_paying"] if of == currency})
        same(f"funding of {currency} in {scenario}", row, amounts, counts)
    (row,) = [row for row in tables["funding_summary"] if row["scenario_id"] == scenario]
    amounts = summed(list(found.accounts.values())) | {"sold": sum(found.sold.values())}
    amounts["initial_margin_call"] = expected.scenarios[scenario].measures["initial_shortfall"]
    counts = {name: len({account for account, _ in pairs}) for name, pairs in fails.items()}
    counts["owners_not_paying"] = len({expected.owner_of[account] for account, _ in fails["accounts_not_paying"]})
    same(f"funding in {scenario}", row, amounts, counts)
    owners = {(row["owner_id"], row["currency"]): row for row in tables["funding_owners"] if row["scenario_id"] == scenario}
    calling = listed({(expected.owner_of[account], currency) for account, currency in fails["accounts_calling"]}, found, expected)
    if owners.keys() != calling:
        differences.append(f"funding_owners in {scenario}: {sorted(owners.keys() ^ calling)}")
    for owner, currency in calling & owners.keys():
        members = [call for (account, of), call in found.accounts.items() if of == currency and expected.owner_of[account] == owner]
        counts = {
            name: len({account for account, of in pairs if of == currency and expected.owner_of[account] == owner}) for name, pairs in fails.items()
        }
        same(f"funding of {owner} in {currency} in {scenario}", owners[owner, currency], summed(members), counts)
    return differences
