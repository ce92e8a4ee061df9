"""The tables of the second look at a book beside the reference: segments, collateral, owners, steps of the worst accounts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import polars as pl
from oracle.breakdown import Held, collateral
from oracle.comparing import agree
from oracle.funding import called, compare_funding
from oracle.reading import Question, Row
from oracle.shocks import BASE
from oracle.totals import BASES, MEASURES, STATUSES, OracleResult, is_breached, tolerance


def compare_breakdown(result: Path, question: Question, worst: str | None, expected: OracleResult) -> list[str]:
    """All differences, one line each.

    Args:
        result: the folder of the run.
        question: what it was asked.
        worst: the worst headline scenario, as the run names it.
        expected: the reference run of the same book.
    """
    snapshot, margin = question.snapshot, question.margin
    scenarios = {row["id"]: row for row in question.scenarios}
    shown = ["base"] if worst is None else ["base", worst]
    segments = {name: row.get("segment") or "" for name, row in snapshot.accounts.items()}
    found = [] if worst is None else of_worst(worst, expected)
    found += of_segments(pl.read_parquet(result / "segment_summary.parquet"), segments, shown, expected)
    held_now = pl.read_parquet(result / "collateral_summary.parquet")
    funding = {name: pl.read_parquet(result / f"{name}.parquet").to_dicts() for name in ("funding", "funding_summary", "funding_owners")}
    for scenario in shown:
        found += compare_funding(funding, scenario, called(snapshot, margin, scenarios.get(scenario, BASE)), expected)
        held = collateral(snapshot, margin, scenarios.get(scenario, BASE), expected)
        found += of_collateral(held_now.filter(scenario_id=scenario), held, sum(expected.scale.values()))
    found += of_owners(pl.read_parquet(result / "owner_summary.parquet"), shown[-1], expected)
    found += of_steps(pl.read_parquet(result / "account_steps.parquet"), expected)
    found += of_lines(pl.read_parquet(result / "account_holdings.parquet"), expected)
    return found


def of_worst(worst: str, expected: OracleResult) -> list[str]:
    """The largest margin shortfall of all headline scenarios."""
    short = {name: expected.scenarios[name].measures["margin_shortfall"] for name in expected.headline}
    return [] if agree(short[worst], max(short.values()), sum(expected.scale.values())) else [f"worst scenario: {worst}, of {short}"]


def of_segments(table: pl.DataFrame, segments: dict[str, str], scenarios: list[str], expected: OracleResult) -> list[str]:
    """Totals and counts."""
    found = []
    rows = {(row["scenario_id"], row["segment"]): row for row in table.iter_rows(named=True)}
    members: dict[str, list[str]] = defaultdict(list)
    for account, segment in segments.items():
        members[segment].append(account)
    if set(rows) != {(scenario, segment) for scenario in scenarios for segment in members}:
        found.append(f"segments: {sorted(rows)}")
    for (scenario, segment), row in rows.items():
        figures = [expected.accounts[account, scenario] for account in members[segment]]
        before = [expected.accounts[account, "base"] for account in members[segment]]
        scale = sum(expected.scale[account] for account in members[segment])
        sums = {name: sum(float(each[name]) for each in figures) for name in MEASURES}
        found += [
            f"segment {segment} in {scenario}: {name} {row[name]}, not {sum_}" for name, sum_ in sums.items() if not agree(row[name], sum_, scale)
        ]
        lost = [wrong_way(each, tolerance(expected.gross_notional[account])) for each, account in zip(figures, members[segment], strict=True)]
        losses = {"gross_loss": sum(all_ for _, all_ in lost), "wrong_way_loss": sum(wrong for wrong, _ in lost)}
        found += [
            f"segment {segment} in {scenario}: {name} {row[name]}, not {sum_}" for name, sum_ in losses.items() if not agree(row[name], sum_, scale)
        ]
        counts = {f"accounts_{status}": sum(each["status"] == status for each in figures) for status in STATUSES}
        counts["accounts"] = len(figures)
        counts["accounts_newly_breached"] = sum(is_breached(now) and not is_breached(then) for now, then in zip(figures, before, strict=True))
        found += [f"segment {segment} in {scenario}: {name} {row[name]}, not {count}" for name, count in counts.items() if row[name] != count]
    return found


def wrong_way(figures: Mapping[str, float | str], forgiven: float) -> tuple[float, float]:
    """What an account's collateral loses beside losing positions, and all that the account loses."""
    position, collateral = (max(0.0, -float(figures[name])) for name in ("position_pnl", "collateral_pnl"))
    position, collateral = (loss if loss > forgiven else 0.0 for loss in (position, collateral))
    return collateral if position else 0.0, position + collateral


def of_collateral(table: pl.DataFrame, expected: Mapping[tuple[str, str | None], Held], scale: float) -> list[str]:
    """Amounts and numbers of accounts."""
    rows = {(row["asset"], row["location"]): row for row in table.iter_rows(named=True)}
    found = [] if set(rows) == set(expected) else [f"collateral: {set(rows) ^ set(expected)}"]
    for key, held in expected.items():
        for name, value in vars(held).items():
            shown = rows[key][name]
            if shown != len(value) if isinstance(value, set) else not agree(shown, value, scale):
                found.append(f"collateral {key}: {name} {shown}, not {value}")
    return found


def of_owners(table: pl.DataFrame, judged: str, expected: OracleResult) -> list[str]:
    """Losses, defaults, and whether everybody is there who must be."""
    found = []
    scale = sum(expected.scale.values())
    for row in table.iter_rows(named=True):
        totals = expected.scenarios[row["scenario_id"]]
        accounts = [account for account, owner in expected.owner_of.items() if owner == row["owner_id"]]
        figures = [expected.accounts[account, row["scenario_id"]] for account in accounts]
        amounts = {basis: totals.owner_losses[basis][row["owner_id"]] for basis in BASES}
        amounts |= {name: sum(float(each[name]) for each in figures) for name in ("equity", "margin_shortfall")}
        found += [f"owner {row}: not {name} {amount}" for name, amount in amounts.items() if not agree(row[name], amount, scale)]
        if row["accounts"] != len(accounts) or row["in_default"] != (row["owner_id"] in totals.owners_in_default):
            found.append(f"owner {row}")
    there = table.filter(scenario_id=judged)["owner_id"].to_list()
    missing = set(expected.scenarios[judged].owners_in_default) - set(there)
    return [*found, *(f"owner {owner} is in default in {judged}" for owner in sorted(missing))]


def of_steps(table: pl.DataFrame, expected: OracleResult) -> list[str]:
    """Levels, and changes that lead from one to the next."""
    found = []
    for (account,), steps in table.group_by("account_id", maintain_order=True):
        scale = expected.scale[str(account)]
        scenario = steps["scenario_id"][0]
        base, stressed = expected.accounts[str(account), "base"], expected.accounts[str(account), scenario]
        levels: Row = {
            "equity at base": base["equity"],
            "equity": stressed["equity"],
            "margin balance": stressed["margin_balance"],
            "excess": float(stressed["margin_balance"]) - float(stressed["maintenance_margin"]),
            "shortfall": -float(stressed["margin_shortfall"]),
        }
        changes: Row = defaultdict(float)
        for row in steps.iter_rows(named=True):
            if row["total"] and not agree(row["level"], levels[row["kind"]], scale):
                found.append(f"{account}: {row}, not {levels[row['kind']]}")
            changes[row["kind"]] += row["amount"]
        for kinds, amount in (
            (("position P&L",), stressed["position_pnl"]),
            (("collateral P&L", "collateral lost"), stressed["collateral_pnl"]),
            (("maintenance margin",), -float(stressed["maintenance_margin"])),
        ):
            if not agree(sum(changes[kind] for kind in kinds), float(amount), scale):
                found.append(f"{account}: {kinds} {[changes[kind] for kind in kinds]}, not {amount}")
        if steps["kind"][-1] != "shortfall" and not agree(max(0.0, -steps["level"][-1]), float(stressed["margin_shortfall"]), scale):
            found.append(f"{account}: ends at {steps['level'][-1]}, short of {stressed['margin_shortfall']}")
    return found


def of_lines(table: pl.DataFrame, expected: OracleResult) -> list[str]:
    """Lines that add up to the figures of their account."""
    found = []
    for (account,), lines in table.group_by("account_id", maintain_order=True):
        scale, scenario = expected.scale[str(account)], lines["scenario_id"][0]
        base, stressed = expected.accounts[str(account), "base"], expected.accounts[str(account), scenario]
        held = lines.filter(pl.col("kind").is_in(["deposit", "borrow"]))
        for what, sum_, amount in (
            ("base_value", lines["base_value"].sum(), base["equity"]),
            ("stressed_value", lines["stressed_value"].sum(), stressed["equity"]),
            ("position value_change", lines.filter(kind="position")["value_change"].sum(), stressed["position_pnl"]),
            ("collateral value_change", held["value_change"].sum(), stressed["collateral_pnl"]),
            ("base_maintenance_margin", lines["base_maintenance_margin"].sum(), base["maintenance_margin"]),
            ("maintenance_margin", lines["maintenance_margin"].sum(), stressed["maintenance_margin"]),
            ("initial_margin", lines["initial_margin"].sum(), stressed["initial_margin"]),
        ):
            if not agree(sum_, float(amount), scale):
                found.append(f"lines of {account}: {what} {sum_}, not {amount}")
    return found
