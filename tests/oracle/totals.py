"""From pools to accounts, owners and Cover-N: the naive reference run (methodology, sections 4 and 5 of the specification)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from oracle.margin import Market, Pool, PoolFigures, build_pools, pool_figures
from oracle.portfolio import Scan, worst_rows
from oracle.reading import Question, Row, Snapshot, read_question
from oracle.shocks import BASE, State, resolve
from oracle.valuation import option_terms, value_instruments

MEASURES = (
    "equity", "pnl", "position_pnl", "collateral_pnl", "collateral_value", "margin_balance_initial", "margin_balance",
    "initial_margin", "maintenance_margin", "initial_shortfall", "margin_shortfall", "uncollateralised_loss", "stress_loss_over_margin",
)  # fmt: skip
STATUSES = ("ok", "call", "liquidation", "default")
BASES = ("stress_loss_over_margin", "uncollateralised_loss")
NOISE = 1e-10
"""Of the amounts of an account: rows whose losses differ by less are equal."""
HEADLINE_FAMILIES = ("historical", "hypothetical", "operational")

Figures = dict[str, float | str]
"""All measures and the `status` of a pool or account in a scenario."""


@dataclass(frozen=True)
class ScenarioTotals:
    """One scenario over the whole book. Losses by owner in both bases, owners sorted by name; `newly_breached` against base."""

    measures: dict[str, float]
    accounts_by_status: dict[str, int]
    newly_breached: int
    owners_in_default: tuple[str, ...]
    owner_losses: dict[str, dict[str, float]]

    def cover(self, basis: str, n: int) -> float:
        """The sum of the n largest owner losses."""
        return sum(sorted(self.owner_losses[basis].values(), reverse=True)[:n])


@dataclass(frozen=True)
class OracleResult:
    """What the reference run found. `scale` of an account is the size of the amounts that enter its figures: the unit of rounding noise."""

    scenario_ids: tuple[str, ...]
    headline: tuple[str, ...]
    owner_of: dict[str, str]
    pools: dict[tuple[str, str, str], Figures]
    """By (account, pool, scenario)."""
    accounts: dict[tuple[str, str], Figures]
    """By (account, scenario)."""
    scenarios: dict[str, ScenarioTotals]
    worst: dict[str, str | None]
    worst_headline: dict[str, str | None]
    gross_notional: dict[str, float]
    scale: dict[str, float]
    worst_rows: dict[tuple[str, str], set[str | None]]
    """By (account, scenario) the grid rows that may set its requirement: of several, all that are equal but for rounding."""

    def cover(self, basis: str, n: int) -> float:
        """Cover-N of the run: the largest over headline scenarios."""
        return max((self.scenarios[scenario].cover(basis, n) for scenario in self.headline), default=0.0)


def run_folder(folder: Path) -> OracleResult:
    """The reference run of a folder with a `run.yaml`."""
    return run_question(read_question(folder))


def run_question(question: Question) -> OracleResult:
    """The reference run of what a folder asks."""
    return run_snapshot(question.snapshot, question.margin, question.scenarios)


def run_snapshot(snapshot: Snapshot, margin: Row, scenarios: list[Row]) -> OracleResult:
    """Every account and pool in `base` and in every scenario, then owners and totals."""
    pools = build_pools(snapshot)
    base_state = resolve(snapshot, BASE, {})
    terms = option_terms(snapshot, base_state)
    forwards = {name: term.base_forward for name, term in terms.items()}

    def figures_in(state: State) -> list[PoolFigures]:
        market = Market(snapshot, margin, state, value_instruments(snapshot, base_state, state, terms), base_state, terms)
        return [pool_figures(market, pool) for pool in pools]

    at_base = figures_in(base_state)
    listed = [BASE, *(row for row in scenarios if row["id"] != "base")]
    ids = tuple(row["id"] for row in listed)
    headline = tuple(row["id"] for row in listed[1:] if is_headline(row))
    by_pool: dict[tuple[str, str, str], Figures] = {}
    by_account: dict[tuple[str, str], Figures] = {}
    scanned: dict[tuple[str, str], list[tuple[str, Scan | None]]] = defaultdict(list)
    totals: dict[str, ScenarioTotals] = {}
    gross, scale = sizes(snapshot, pools, at_base, base_state)
    pools_of: dict[str, list[str]] = defaultdict(list)
    for pool in pools:
        pools_of[pool.account_id].append(pool.pool_id)
    for scenario in listed:
        now = at_base if scenario is BASE else figures_in(resolve(snapshot, scenario, forwards))
        for pool, before, after in zip(pools, at_base, now, strict=True):
            by_pool[pool.account_id, pool.pool_id, scenario["id"]] = compare_with_base(before, after, margin["models"][pool.model_name])
            scale[pool.account_id] = max(scale[pool.account_id], after.gross_notional)
            scanned[pool.account_id, scenario["id"]].append((pool.model_name, after.scan))
        for account_id in snapshot.accounts:
            by_account[account_id, scenario["id"]] = summed([by_pool[account_id, pool_id, scenario["id"]] for pool_id in pools_of[account_id]])
        totals[scenario["id"]] = scenario_totals(snapshot, pools, at_base, now, by_pool, by_account, scenario["id"])
    return OracleResult(
        scenario_ids=ids,
        headline=headline,
        owner_of={name: row["owner_id"] for name, row in snapshot.accounts.items()},
        pools=by_pool,
        accounts=by_account,
        scenarios=totals,
        worst={name: worst_scenario(by_account, name, ids[1:]) for name in snapshot.accounts},
        worst_headline={name: worst_scenario(by_account, name, headline) for name in snapshot.accounts},
        gross_notional=gross,
        scale=scale,
        worst_rows={key: rows_of_account(margin, scans, NOISE * scale[key[0]]) for key, scans in scanned.items()},
    )


def rows_of_account(margin: Row, scans: list[tuple[str, Scan | None]], noise: float) -> set[str | None]:
    """Of the pools with the largest scan loss, but for rounding, the rows that give it."""
    of_pools = [worst_rows(margin["models"][name], found.units, noise) for name, found in scans if found is not None]
    largest = max((loss for loss, _ in of_pools), default=0.0)
    rows: set[str | None] = {None} if largest <= noise else set()
    return rows.union(*(names for loss, names in of_pools if loss >= largest - noise))


def is_headline(scenario: Row) -> bool:
    """Whether a scenario counts for worst, Cover-N and limits: as it says, else by its family."""
    headline = scenario.get("headline")
    return bool(scenario.get("family", "hypothetical") in HEADLINE_FAMILIES if headline is None else headline)


def sizes(snapshot: Snapshot, pools: list[Pool], at_base: list[PoolFigures], base: State) -> tuple[dict[str, float], dict[str, float]]:
    """Per account the gross notional at base, and the sum of all amounts (notionals, entry costs, balances) that are added up for it."""
    gross: dict[str, float] = dict.fromkeys(snapshot.accounts, 0.0)
    scale: dict[str, float] = dict.fromkeys(snapshot.accounts, 1.0)
    for pool, figures in zip(pools, at_base, strict=True):
        gross[pool.account_id] += figures.gross_notional
        scale[pool.account_id] += figures.gross_notional
        scale[pool.account_id] += sum(abs(quantity * base.value[asset]) for asset, _, quantity in pool.balances)
        for name, position in pool.positions.items():
            instrument = snapshot.instruments[name]
            paid_in = "settle" if instrument["payoff"] in ("inverse", "quanto") else "quote"
            scale[pool.account_id] += abs(position.cost * instrument["contract_size"] * base.value[instrument[paid_in]])
    return gross, scale


def tolerance(gross_notional: float) -> float:
    """max(0.01, 1e-9 * gross notional at base)."""
    return max(0.01, 1e-9 * gross_notional)


def coverage(before: PoolFigures, after: PoolFigures) -> float:
    """k: stressed over base collateral after initial haircuts, between 0 and 1; 1 where there was none."""
    if before.haircut_collateral <= 0.0:
        return 1.0
    return min(1.0, max(0.0, after.haircut_collateral / before.haircut_collateral))


def compare_with_base(before: PoolFigures, after: PoolFigures, model: Row) -> Figures:
    """All measures and the status of one pool."""
    balance, needed = after.balance, after.requirement
    position_pnl = after.position_value - before.position_value
    return {
        "equity": after.equity,
        "pnl": after.equity - before.equity,
        "position_pnl": position_pnl,
        "collateral_pnl": after.collateral_value - before.collateral_value,
        "collateral_value": after.collateral_value,
        "margin_balance_initial": balance["initial"],
        "margin_balance": balance["maintenance"],
        "initial_margin": needed["initial"],
        "maintenance_margin": needed["maintenance"],
        "initial_shortfall": max(0.0, needed["initial"] - balance["initial"]),
        "margin_shortfall": max(0.0, needed["maintenance"] - balance["maintenance"]),
        "uncollateralised_loss": max(0.0, -after.equity),
        "stress_loss_over_margin": max(0.0, -position_pnl - coverage(before, after) * before.requirement["initial"]),
        "status": status(after, tolerance(before.gross_notional), bool(model.get("breach_at_equality"))),
    }


def status(figures: PoolFigures, tol: float, breach_at_equality: bool) -> str:
    """`default` E < 0, `liquidation` B_MM < R_MM, `call` B_IM < R_IM, else `ok`, each with tolerance."""

    def breached(level: str) -> bool:
        balance, needed = figures.balance[level], figures.requirement[level]
        if breach_at_equality and needed > 0.0:
            return balance <= needed + tol
        return balance < needed - tol

    if figures.equity < -tol:
        return "default"
    if breached("maintenance"):
        return "liquidation"
    return "call" if breached("initial") else "ok"


def summed(parts: list[Figures]) -> Figures:
    """An account: the sum of its pools; its status is the worst of them."""
    total: Figures = {name: sum(float(part[name]) for part in parts) for name in MEASURES}
    total["status"] = max((str(part["status"]) for part in parts), key=STATUSES.index)
    return total


def headroom(figures: Figures) -> float:
    """What makes a scenario the worst of an account: less its margin shortfall, without one its balance less maintenance margin."""
    short = float(figures["margin_shortfall"])
    return -short if short > 0.0 else float(figures["margin_balance"]) - float(figures["maintenance_margin"])


def worst_scenario(by_account: dict[tuple[str, str], Figures], account_id: str, ids: tuple[str, ...]) -> str | None:
    """The scenario with the largest margin shortfall, without any the smallest balance less maintenance margin; ties go to the first."""
    return min(ids, key=lambda scenario_id: headroom(by_account[account_id, scenario_id])) if ids else None


def scenario_totals(
    snapshot: Snapshot,
    pools: list[Pool],
    at_base: list[PoolFigures],
    now: list[PoolFigures],
    by_pool: dict[tuple[str, str, str], Figures],
    by_account: dict[tuple[str, str], Figures],
    scenario_id: str,
) -> ScenarioTotals:
    """Sums, counts, owners' losses and defaults of one scenario."""
    owners = sorted({row["owner_id"] for row in snapshot.accounts.values()})
    losses = {basis: dict.fromkeys(owners, 0.0) for basis in BASES}
    in_default: set[str] = set()
    groups: dict[tuple[str, str], list[tuple[PoolFigures, PoolFigures]]] = defaultdict(list)
    for pool, before, after in zip(pools, at_base, now, strict=True):
        account = snapshot.accounts[pool.account_id]
        owner, group = account["owner_id"], account.get("netting_group")
        if pool.pool_id == "cross" and group is not None:
            groups[owner, group].append((before, after))
            continue
        figures = by_pool[pool.account_id, pool.pool_id, scenario_id]
        for basis in BASES:
            losses[basis][owner] += float(figures[basis])
        # An isolated pool is limited recourse: its loss counts, but it does not make the owner a defaulter.
        if pool.pool_id == "cross" and after.equity < -tolerance(before.gross_notional):
            in_default.add(owner)
    for (owner, _), members in groups.items():
        equity = sum(after.equity for _, after in members)
        fall = -sum(after.position_value - before.position_value for before, after in members)
        margin = sum(coverage(before, after) * before.requirement["initial"] for before, after in members)
        losses["stress_loss_over_margin"][owner] += max(0.0, fall - margin)
        losses["uncollateralised_loss"][owner] += max(0.0, -equity)
        if equity < -sum(tolerance(before.gross_notional) for before, _ in members):
            in_default.add(owner)
    statuses = [str(by_account[account_id, scenario_id]["status"]) for account_id in snapshot.accounts]
    return ScenarioTotals(
        measures={name: sum(float(by_account[account_id, scenario_id][name]) for account_id in snapshot.accounts) for name in MEASURES},
        accounts_by_status={status: statuses.count(status) for status in STATUSES},
        newly_breached=sum(
            1
            for account_id in snapshot.accounts
            if is_breached(by_account[account_id, scenario_id]) and not is_breached(by_account[account_id, "base"])
        ),
        owners_in_default=tuple(sorted(in_default)),
        owner_losses=losses,
    )


def is_breached(figures: Figures) -> bool:
    """In liquidation or default."""
    return figures["status"] in ("liquidation", "default")
