"""Every figure of a run beside the reference: `compare(tables, oracle_result)` lists what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
from oracle.totals import BASES, MEASURES, STATUSES, Figures, OracleResult, headroom

if TYPE_CHECKING:
    from oracle.reading import Row

RELATIVE = 1e-9
NOISE = 1e-11
"""Two figures agree when they differ by at most 1e-9 of the larger one plus 1e-11 of the account's scale, the sum of all amounts
(notionals, entry costs, balances) that are added up for it: figures are differences of such sums, and their last digits are rounding."""

COMPARED = ("account_scenario", "pool_scenario", "account_summary", "scenario_summary", "owner_scenario")


def read_tables(folder: Path) -> dict[str, list[Row]]:
    """The result tables of a run folder as rows (each table a file or a folder of parts)."""
    tables = {}
    for name in COMPARED:
        for path in (folder / f"{name}.parquet", folder / name):
            if path.exists():
                tables[name] = list(pq.read_table(path).to_pylist())
    return tables


def agree(found: object, expected: float, scale: float) -> bool:
    """Whether two figures are the same but for rounding."""
    if not isinstance(found, int | float):
        return False
    return abs(found - expected) <= RELATIVE * max(abs(found), abs(expected)) + NOISE * scale


def compare(tables: Mapping[str, Iterable[Row]], expected: OracleResult, complete: bool = True) -> list[str]:
    """All differences, one line each; none means that the run and the reference agree.

    Args:
        tables: rows of result tables by name; those that are absent are not compared.
        expected: the reference run of the same book.
        complete: whether every account and scenario must be there (`keep: all`), or only those rows that are there must agree.
    """
    differences: list[str] = []
    if "account_scenario" in tables:
        accounts = {(row["account_id"], row["scenario_id"]): row for row in tables["account_scenario"]}
        differences += of_keys("account_scenario", accounts.keys(), expected.accounts.keys(), complete)
        for key, row in accounts.items():
            if key in expected.accounts:
                differences += of_figures(f"account {key}", row, expected.accounts[key], expected.scale[key[0]])
                differences += of_text(f"account {key} owner_id", row["owner_id"], expected.owner_of[key[0]])
                if "worst_row" in row and row["worst_row"] not in expected.worst_rows[key]:
                    differences.append(f"account {key} worst_row: {row['worst_row']}, expected one of {expected.worst_rows[key]}")
    if "pool_scenario" in tables:
        pools = {(row["account_id"], row["pool_id"], row["scenario_id"]): row for row in tables["pool_scenario"]}
        isolated = {account_id for account_id, pool_id, _ in expected.pools if pool_id != "cross"}
        wanted = [key for key in expected.pools if key[0] in isolated]
        differences += of_keys("pool_scenario", pools.keys(), wanted, complete)
        for pool_key, row in pools.items():
            if pool_key in expected.pools:
                differences += of_figures(f"pool {pool_key}", row, expected.pools[pool_key], expected.scale[pool_key[0]])
    for row in tables.get("account_summary", ()):
        differences += of_account_summary(row, expected)
    for row in tables.get("scenario_summary", ()):
        differences += of_scenario_summary(row, expected)
    differences += of_owner_scenario(tables.get("owner_scenario", ()), expected)
    return differences


def of_keys(table: str, found: Iterable[object], expected: Iterable[object], complete: bool) -> Iterator[str]:
    """Rows too many, and rows missing where all must be there."""
    found, expected = set(found), set(expected)
    yield from (f"{table}: {key} is not in the book" for key in sorted(found - expected, key=str))
    if complete:
        yield from (f"{table}: {key} is missing" for key in sorted(expected - found, key=str))


def of_text(what: str, found: object, expected: object) -> Iterator[str]:
    """Two names, counts or statuses."""
    if found != expected:
        yield f"{what}: {found!r}, expected {expected!r}"


def of_number(what: str, found: object, expected: float, scale: float) -> Iterator[str]:
    """Two amounts."""
    if not agree(found, expected, scale):
        yield f"{what}: {found!r}, expected {expected!r}"


def of_figures(what: str, row: Row, expected: Figures, scale: float, prefix: str = "", measures: Iterable[str] = MEASURES) -> Iterator[str]:
    """All measures and the status."""
    for name in measures:
        found, wanted = row[prefix + name], float(expected[name])
        if not agree(found, wanted, scale):  # asked here: millions of figures agree, and their names need not be put together
            yield from of_number(f"{what} {prefix}{name}", found, wanted, scale)
    yield from of_text(f"{what} {prefix}status", row[f"{prefix}status"], expected["status"])


def of_account_summary(row: Row, expected: OracleResult) -> Iterator[str]:
    """Base figures, gross notional and the worst scenarios."""
    account_id = row["account_id"]
    scale = expected.scale[account_id]
    what = f"summary of {account_id}"
    moves = ("pnl", "position_pnl", "collateral_pnl", "stress_loss_over_margin")
    yield from of_figures(what, row, expected.accounts[account_id, "base"], scale, measures=[name for name in MEASURES if name not in moves])
    yield from of_number(f"{what} gross_notional", row["gross_notional"], expected.gross_notional[account_id], scale)
    for prefix, wanted in (("worst_headline_", expected.worst_headline[account_id]), ("worst_", expected.worst[account_id])):
        found = row[f"{prefix}scenario_id"]
        if found is None or wanted is None:
            yield from of_text(f"{what} {prefix}scenario_id", found, wanted)
            continue
        chosen, best = expected.accounts[account_id, found], expected.accounts[account_id, wanted]
        # Scenarios that agree in what decides are tied but for rounding.
        excess = [headroom(figures) for figures in (chosen, best)]
        if not agree(excess[0], excess[1], scale):
            yield f"{what} {prefix}scenario_id: {found} with {excess[0]!r}, expected {wanted} with {excess[1]!r}"
        yield from of_figures(what, row, chosen, scale, prefix)


def of_scenario_summary(row: Row, expected: OracleResult) -> Iterator[str]:
    """Totals, counts, owners in default, Cover-1 and Cover-2 with their owners, and the largest account."""
    scenario_id = row["scenario_id"]
    totals = expected.scenarios[scenario_id]
    scale = sum(expected.scale.values())
    what = f"scenario {scenario_id}"
    for name in MEASURES:
        yield from of_number(f"{what} {name}", row[name], totals.measures[name], scale)
    for status in STATUSES:
        yield from of_text(f"{what} accounts_{status}", row[f"accounts_{status}"], totals.accounts_by_status[status])
    yield from of_text(f"{what} accounts_newly_breached", row["accounts_newly_breached"], totals.newly_breached)
    yield from of_text(f"{what} owners_in_default", row["owners_in_default"], len(totals.owners_in_default))
    for basis in BASES:
        losses = totals.owner_losses[basis]
        ranked = sorted(losses.values(), reverse=True)
        for n in (1, 2):
            yield from of_number(f"{what} cover_{n}_{basis}", row[f"cover_{n}_{basis}"], totals.cover(basis, n), scale)
            owner = row[f"cover_owner_{n}_{basis}"]
            wanted = ranked[n - 1] if n <= len(ranked) else 0.0
            # Owners of equal losses may stand in either order; a loss of nothing has no owner.
            yield from of_number(f"{what} loss of cover_owner_{n}_{basis} {owner}", losses.get(owner, 0.0), wanted, scale)
    shortfalls = {key[0]: float(figures["margin_shortfall"]) for key, figures in expected.accounts.items() if key[1] == scenario_id}
    largest = max(shortfalls.values(), default=0.0)
    yield from of_number(f"{what} largest_account_margin_shortfall", row["largest_account_margin_shortfall"], largest, scale)
    if row["largest_account_id"] is not None or largest > 0.0:
        found = shortfalls.get(row["largest_account_id"], 0.0)
        yield from of_number(f"{what} shortfall of largest_account_id {row['largest_account_id']}", found, largest, scale)


def of_owner_scenario(rows: Iterable[Row], expected: OracleResult) -> Iterator[str]:
    """Ranked owner losses."""
    scale = sum(expected.scale.values())
    for row in rows:
        losses = expected.scenarios[row["scenario_id"]].owner_losses[row["basis"]]
        what = f"owner {row['owner_id']} {row['scenario_id']} {row['basis']} rank {row['rank']}"
        yield from of_number(what, row["loss"], losses[row["owner_id"]], scale)
        yield from of_number(f"{what} (by rank)", row["loss"], sorted(losses.values(), reverse=True)[row["rank"] - 1], scale)
