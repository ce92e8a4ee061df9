"""The tables of a cascade, as a run writes them, beside the reference: totals, owners, isolated margin, other depths."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from generated.cascades import make_cascade
from oracle.cascade import Cascade, cascade_of
from oracle.isolation import shares, taken_apart
from oracle.reading import Row, Snapshot, snapshot_of
from oracle.shocks import BASE
from stress.cascade.against import agree
from stress.cascade.books import AS_OF, Book
from stress.small_book import run, write_run

from stresstest.results.store import read_table

pytestmark = pytest.mark.usefixtures("read_here")


def test_tables_of_a_random_book(tmp_path: Path) -> None:
    """With isolated pools, a netting group, haircuts on what is sold, and a market that rounds take to rest."""
    compare_tables(5, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 6, 8])
def test_tables_of_more_random_books(seed: int, tmp_path: Path) -> None:
    compare_tables(seed, tmp_path)


def compare_tables(seed: int, tmp_path: Path) -> None:
    """Every table of the book of a seed."""
    spec = make_cascade(seed)
    book = Book(spec["tables"], spec["scenarios"], {**spec["cascade"], "isolated": True, "depth_multiples": [0.5, 3.0]}, spec["margin"])
    file = write_run(tmp_path, book.tables, book.scenarios, book.margin, cascade=book.cascade, waterfall=["gains_haircut"])
    result = run(file, tmp_path / "result").folder
    snapshot = snapshot_of(book.tables, AS_OF, "USD")
    scenarios = [BASE, *book.scenarios]
    found = {scenario["id"]: cascade_of(snapshot, book.schedules, book.cascade, scenario) for scenario in scenarios}

    for row in rows(result, "cascade_summary"):
        same(row, summary(snapshot, found[row["scenario_id"]], book.cascade), f"seed {seed}, {row['scenario_id']}")

    prices = {(row["scenario_id"], row["asset"]): row for row in rows(result, "cascade_prices")}
    assert prices.keys() == {(name, asset) for name, each in found.items() for asset, amount in each.notional.items() if amount > 0.0}
    for (name, asset), row in prices.items():
        same(row, {"final_price": found[name].prices[asset], "net_quantity_sold": found[name].sold[asset]}, f"seed {seed}, {name}, {asset}")

    liquidated = [scenario for scenario in scenarios if found[scenario["id"]].rounds]
    apart = taken_apart(snapshot, shares(snapshot, book.schedules))
    alone = {scenario["id"]: cascade_of(apart, book.schedules, book.cascade, scenario) for scenario in liquidated}
    isolated = rows(result, "cascade_isolated")
    assert len(isolated) == 2 * len(liquidated)
    for row in isolated:
        each = (found if row["margin"] == "cross" else alone)[row["scenario_id"]]
        survivors = {"survivors_loss": sum(each.survivors_loss.values()), "accounts_by_feedback": len(by_feedback(each))}
        same(row, figures(each) | survivors, f"seed {seed}, {row['scenario_id']}, {row['margin']}")

    sensitivity = rows(result, "cascade_sensitivity")
    assert [row["depth_multiple"] for row in sensitivity] == [0.5, 1.0, 3.0] * len(liquidated)
    by_id = {scenario["id"]: scenario for scenario in scenarios}
    for row in sensitivity:
        each = cascade_of(snapshot, book.schedules, book.cascade, by_id[row["scenario_id"]], row["depth_multiple"])
        same(row, figures(each), f"seed {seed}, {row['scenario_id']}, depth {row['depth_multiple']}")


def rows(result: Path, table: str) -> list[Row]:
    return read_table(result, table).to_dicts()


def same(row: Row, expected: dict[str, Any], what: str) -> None:
    """Whether a row says what is expected of it, all figures at once."""
    wrong = {name: (row[name], value) for name, value in expected.items() if not (row[name] == value or agree(row[name], value, 1e-5))}
    assert wrong == {}, what


def accounts(found: Cascade) -> set[str]:
    """Accounts of which a pool was liquidated."""
    return {account for account, _ in found.first_round}


def by_feedback(found: Cascade) -> set[str]:
    """Of them those without a breach at the shocked prices."""
    return accounts(found) - {account for account, _ in found.breached_at_once}


def figures(found: Cascade) -> dict[str, Any]:
    """What several tables have."""
    return {
        "rounds": found.rounds,
        "converged": found.converged,
        "accounts_liquidated": len(accounts(found)),
        "notional_sold": sum(found.notional.values()),
        "feedback_loss": found.feedback_loss,
        "uncollateralised_loss": found.deficit,
    }


def summary(snapshot: Snapshot, found: Cascade, terms: Row) -> dict[str, Any]:
    """A row of `cascade_summary`."""
    expected = figures(found)
    total = len(by_feedback(found))
    expected["accounts_liquidated_direct"] = expected.pop("accounts_liquidated") - total
    losses, in_default = owners(snapshot, found.equity, found.tolerance)
    largest = sorted(losses.values(), reverse=True)
    _, before = owners(snapshot, found.equity_shocked, found.tolerance)
    return expected | {
        "accounts_liquidated_feedback": total,
        "halted_rounds": found.halted,
        "pools_liquidated": len(found.first_round),
        "direct_loss": found.direct_loss,
        "uncollateralised_loss_static": sum(max(0.0, -equity) for equity in found.equity_shocked.values()),
        "owners_in_default_static": before,
        "owners_in_default": in_default,
        "cover_1": sum(largest[:1]),
        "cover_2": sum(largest[:2]),
        "liquidation_fees": found.fees,
        "fees_to_insurance_fund": found.fees * terms["fees"].get("insurance_share", 0.0),
        "floored_assets": len(found.floored),
        "assets_without_impact": len(found.missing),
        "unfunded_debts": found.unfunded(),
    }


def owners(snapshot: Snapshot, equity: dict[tuple[str, str], float], tolerances: dict[tuple[str, str], float]) -> tuple[dict[str, float], int]:
    """What each owner's pools are below zero, netting groups netted, and how many owners are in default."""
    losses: dict[str, float] = defaultdict(float)
    in_default: set[str] = set()
    groups: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for key, amount in equity.items():
        account = snapshot.accounts[key[0]]
        owner, group = account["owner_id"], account.get("netting_group")
        if key[1] == "cross" and group is not None:
            groups[owner, group].append(key)
            continue
        losses[owner] += max(0.0, -amount)
        if key[1] == "cross" and amount < -tolerances[key]:
            in_default.add(owner)
    for (owner, _), members in groups.items():
        amount = sum(equity[key] for key in members)
        losses[owner] += max(0.0, -amount)
        if amount < -sum(tolerances[key] for key in members):
            in_default.add(owner)
    return losses, len(in_default)
