"""Cross against isolated, naively: the rows of the snapshot are written anew, with every cross position in a pool of its own."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

from oracle.margin import Market, build_pools, pool_figures
from oracle.reading import Question, Row, Snapshot
from oracle.shocks import BASE, resolve
from oracle.totals import Figures, OracleResult, is_breached, run_snapshot
from oracle.valuation import option_terms, value_instruments


@dataclass(frozen=True)
class Isolation:
    """Both sides: `cross` is the run of the book as it is, `alone` that of the book taken apart; `share` by (account, instrument)."""

    cross: OracleResult
    alone: OracleResult
    instruments: dict[str, list[str]]
    """Of every account, those of its cross pool."""
    share: dict[tuple[str, str], float]

    def cross_pool(self, account: str, scenario: str) -> Figures:
        """The cross pool."""
        return self.cross.pools[account, "cross", scenario]

    def position(self, account: str, instrument: str, scenario: str) -> Figures:
        """A position on its own."""
        return self.alone.pools[account, pool_of(instrument), scenario]

    def parts(self, account: str, scenario: str) -> list[Figures]:
        """The pools that the cross pool falls into; itself where it has no positions."""
        return [self.position(account, each, scenario) for each in self.instruments[account]] or [self.cross_pool(account, scenario)]

    def breached(self, account: str, scenario: str) -> list[str]:
        """Positions in liquidation or default on their own."""
        return [each for each in self.instruments[account] if is_breached(self.position(account, each, scenario))]

    def taken_down_by(self, account: str, scenario: str) -> str | None:
        """The one position that takes the account down, if one does."""
        found = self.breached(account, scenario)
        several = len(self.instruments[account]) > 1
        return found[0] if several and len(found) == 1 and is_breached(self.cross_pool(account, scenario)) else None


def pool_of(instrument: str) -> str:
    """The pool of a position on its own: no name that a snapshot uses."""
    return f"alone: {instrument}"


def isolate(question: Question) -> Isolation:
    """The book of a question on both sides."""
    snapshot, margin = question.snapshot, question.margin
    share = shares(snapshot, margin)
    apart = taken_apart(snapshot, share)
    instruments: dict[str, list[str]] = {name: [] for name in snapshot.accounts}
    for account, instrument in share:
        instruments[account].append(instrument)
    return Isolation(run_snapshot(snapshot, margin, question.scenarios), run_snapshot(apart, margin, question.scenarios), instruments, share)


def taken_apart(snapshot: Snapshot, share: dict[tuple[str, str], float]) -> Snapshot:
    """The snapshot with every cross position in a pool of its own, and its share of the collateral there."""
    instruments: dict[str, list[str]] = {name: [] for name in snapshot.accounts}
    for account, instrument in share:
        instruments[account].append(instrument)
    positions = [row if row["pool_id"] != "cross" else {**row, "pool_id": pool_of(row["instrument_id"])} for row in snapshot.positions]
    collateral: list[Row] = []
    for row in snapshot.collateral:
        held = instruments[row["account_id"]] if row["pool_id"] == "cross" else []
        collateral += [{**row, "pool_id": pool_of(each), "quantity": row["quantity"] * share[row["account_id"], each]} for each in held] or [row]
    orders = [{**row, "pool_id": pool_of(row["instrument_id"])} for row in snapshot.orders]
    return replace(snapshot, positions=positions, collateral=collateral, orders=orders)


def shares(snapshot: Snapshot, margin: Row) -> dict[tuple[str, str], float]:
    """The share of the free cross collateral of every position, by R_MM at base of the position alone; equal where all need nothing."""
    base = resolve(snapshot, BASE, {})
    terms = option_terms(snapshot, base)
    market = Market(snapshot, margin, base, value_instruments(snapshot, base, base, terms), base, terms)
    needed: dict[str, dict[str, float]] = defaultdict(dict)
    cross = [row for row in snapshot.positions if row["pool_id"] == "cross"]
    for account, instrument in sorted({(row["account_id"], row["instrument_id"]) for row in [*cross, *snapshot.orders]}):
        # The account with nothing but this position and its orders, and what is set aside for those.
        mine = {"account_id": account, "instrument_id": instrument}
        positions, orders = ([row for row in rows if row.items() >= mine.items()] for rows in (cross, snapshot.orders))
        one = replace(snapshot, accounts={account: snapshot.accounts[account]}, positions=positions, collateral=[], orders=orders)
        (pool,) = build_pools(one)
        if pool.positions or pool.orders:
            needed[account][instrument] = pool_figures(market, pool).requirement["maintenance"]
    found = {}
    for account, of in needed.items():
        total = sum(of.values())
        for instrument, amount in of.items():
            found[account, instrument] = amount / total if total > 0.0 else 1.0 / len(of)
    return found
