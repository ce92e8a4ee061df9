"""Tables of the report's pages for finished runs without the pipeline: collateral, segments, owners, the worst accounts one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stresstest.tables import MEASURES, STATUSES

Rows = list[dict[str, Any]]
MEASURE_NAMES = tuple(column.name for column in MEASURES)
ASSETS = (("USDC", "cash", 1.0, 0.0), ("BTC", "crypto", 90_000.0, -0.4), ("STETH", "staked", 3_100.0, -0.5), ("UST-NOTE", "rates", 99.0, 0.01))
LOCATIONS = ("custodian-a", "bridge-x", None)


def segment_rows(measures: Mapping[str, np.ndarray], accounts: Sequence[Mapping[str, Any]], ids: Sequence[str], columns: Sequence[int]) -> Rows:
    """segment_summary of the scenarios in `columns`."""
    names = [account["segment"] or "" for account in accounts]
    found = []
    for column in columns:
        for segment in sorted(set(names)):
            inside = np.array([name == segment for name in names])
            status, base = measures["status"][inside, column], measures["status"][inside, 0]
            row = {"scenario_id": ids[column], "segment": segment, "accounts": int(inside.sum())}
            row |= {name: float(measures[name][inside, column].sum()) for name in MEASURE_NAMES}
            row |= {f"accounts_{word}": int((status == code).sum()) for code, word in enumerate(STATUSES)}
            position, collateral = (np.maximum(-measures[name][inside, column], 0.0) for name in ("position_pnl", "collateral_pnl"))
            row |= {"gross_loss": float((position + collateral).sum()), "wrong_way_loss": float(collateral[position > 0.0].sum())}
            found.append(row | {"accounts_newly_breached": int(((status >= 2) & (base < 2)).sum())})
    return found


def owner_rows(measures: Mapping[str, np.ndarray], accounts: Sequence[Mapping[str, Any]], ids: Sequence[str], columns: Sequence[int]) -> Rows:
    """owner_summary: owners in default in the scenarios in `columns`, and all others with a loss there."""
    owners = [account["owner_id"] for account in accounts]
    summed = ("equity", "margin_shortfall", "stress_loss_over_margin", "uncollateralised_loss")
    found = []
    for column in columns:
        for owner in sorted(set(owners)):
            inside = np.array([each == owner for each in owners])
            row: dict[str, Any] = {"scenario_id": ids[column], "owner_id": owner, "name": None, "accounts": int(inside.sum())}
            row |= {name: float(measures[name][inside, column].sum()) for name in summed}
            row |= {"in_default": bool((measures["status"][inside, column] == 3).any()), "incomplete": False, "default_fund_contribution": 250_000.0}
            if row["in_default"] or row["stress_loss_over_margin"] > 0:
                found.append(row)
    return found


def collateral_rows(total: float, ids: Sequence[str], columns: Sequence[int]) -> Rows:
    """collateral_summary: four assets at three locations; prices fall in every column but the first."""
    found = []
    for column in columns:
        for number, (asset, asset_class, price, move) in enumerate(ASSETS):
            for place, location in enumerate(LOCATIONS):
                base = total * (0.5, 0.3, 0.15, 0.05)[number] * (0.6, 0.1, 0.3)[place]
                value = base * (1.0 + (move if column else 0.0))
                loss = base - value
                found.append(
                    {
                        "scenario_id": ids[column], "asset": asset, "location": location, "asset_class": asset_class,
                        "collateral_schedule": asset.lower(), "price": price * value / base, "holding_share": 1.0, "accounts": 12 + number,
                        "quantity": base / price, "value": value, "value_after_haircut": value * 0.9, "loss": loss,
                        "wrong_way_accounts": 7 if loss > 0 else 0, "wrong_way_loss": max(0.0, loss) * (0.8 if asset == "STETH" else 0.2),
                        "shortfall_loss": max(0.0, loss) * 0.1, "borrowing_accounts": 0, "borrowed_quantity": 0.0, "borrowed_value": 0.0,
                        "borrowed_value_weighted": 0.0,
                    }
                )  # fmt: skip
    return found


def step_rows(owner: str, account: str, scenario: str, figures: Mapping[str, tuple[float, float]]) -> Rows:
    """account_steps of one account; `figures` are measures at base and in the scenario."""
    (equity, after), (_, balance), (_, required) = (figures[name] for name in ("equity", "margin_balance", "maintenance_margin"))
    positions, collateral = figures["position_pnl"][1], figures["collateral_pnl"][1]
    parts = (
        ("equity at base", None, 0, True, equity),
        ("position P&L", "BTC", 1, False, positions * 0.7),
        ("position P&L", "ETH", 1, False, positions * 0.4),
        ("position P&L", None, 9, False, positions - positions * 0.7 - positions * 0.4),
        ("collateral P&L", "STETH", 1, False, collateral),
        ("equity", None, 0, True, after),
        ("haircut", None, 2, False, balance - after),
        ("margin balance", None, 0, True, balance),
        ("maintenance margin", None, 0, False, -required),
        ("excess" if balance >= required else "shortfall", None, 0, True, balance - required),
    )
    found, level = [], 0.0
    for number, (kind, subject, subjects, total, amount) in enumerate(parts, 1):
        level = amount if total else level + amount
        key = {"owner_id": owner, "account_id": account, "scenario_id": scenario, "step": number}
        found.append(key | {"kind": kind, "subject": subject, "subjects": subjects, "total": total, "amount": amount, "level": level})
    return found


def holding_rows(owner: str, account: str, scenario: str, lines: int, label: str = "BTC-PERP") -> Rows:
    """account_holdings of one account: positions, then a deposit."""
    found = []
    for place in range(1, lines + 1):
        deposit = place == lines
        value = 40_000.0 * (lines + 1 - place)
        key = {"owner_id": owner, "account_id": account, "scenario_id": scenario, "place": place}
        what = {"pool_id": "cross" if place % 4 else f"{label}:long", "kind": "deposit" if deposit else "position", "lines": 1}
        named = (
            {"item": "USDC", "underlying": None, "location": "custodian-a"}
            if deposit
            else {"item": f"{label} {place}", "underlying": "BTC", "location": None}
        )
        prices = {"quantity": 12.5 * (-1) ** place, "price_currency": "USD", "base_price": 90_123.5, "stressed_price": 54_074.1}
        values = {"base_value": value, "stressed_value": value * 0.6, "value_change": -value * 0.4, "notional": None if deposit else value * 9}
        margins = {"base_maintenance_margin": value * 0.3, "maintenance_margin": value * 0.2, "initial_margin": value * 0.4}
        margins = {name: None if deposit else amount for name, amount in margins.items()}
        found.append(key | what | named | prices | values | margins | {"value_after_haircut": value * 0.6 if deposit else None})
    return found


FUNDING_SHARES = (("USDC", 0.7), ("BTC", 0.3))
"""Currencies of settlement, and the share of every call that falls into each."""


def _call(loss: float, able: float) -> dict[str, float]:
    """Seven tenths of a loss are at hand; a tenth of the rest is gained elsewhere, and what else the owner is able to pay is sold for."""
    cash = loss * 0.3
    met = min(cash, able)
    from_gains = min(met, cash * 0.1)
    return {
        "variation_call": loss, "from_balance": loss - cash, "cash_to_find": cash, "from_gains": from_gains, "to_sell": met - from_gains,
        "unpaid": cash - met,
    }  # fmt: skip


def funding_rows(
    measures: Mapping[str, np.ndarray], accounts: Sequence[Mapping[str, Any]], ids: Sequence[str], columns: Sequence[int]
) -> tuple[Rows, Rows, Rows]:
    """funding, funding_summary and funding_owners of the scenarios in `columns`; owners whose equity is gone cannot pay."""
    owners = [account["owner_id"] for account in accounts]
    by_currency, by_scenario, by_owner = [], [], []
    for column in columns:
        total: dict[str, dict[str, float]] = {currency: {} for currency, _ in FUNDING_SHARES}
        counts = {"accounts_calling": 0, "accounts_selling": 0, "accounts_not_paying": 0, "owners_not_paying": 0}
        for owner in sorted(set(owners)):
            inside = np.array([each == owner for each in owners])
            loss = float(np.maximum(-measures["position_pnl"][inside, column], 0.0).sum())
            call = _call(loss, max(0.0, float(measures["equity"][inside, column].sum())))
            failing = {"accounts_calling": int(call["cash_to_find"] > 0), "accounts_selling": int(call["to_sell"] > 0)}
            failing["accounts_not_paying"] = int(call["unpaid"] > 0)
            counts = {name: amount + failing.get(name, failing["accounts_not_paying"]) for name, amount in counts.items()}
            for currency, share in FUNDING_SHARES:
                part = {name: amount * share for name, amount in call.items()}
                total[currency] = {name: total[currency].get(name, 0.0) + amount for name, amount in part.items()}
                if call["cash_to_find"] > 0:
                    key = {"scenario_id": ids[column], "owner_id": owner, "name": None, "currency": currency}
                    by_owner.append(key | part | failing)
        called = {name: sum(part[name] for part in total.values()) for name in next(iter(total.values()))}
        sold = called["to_sell"] / 0.9
        by_scenario.append({"scenario_id": ids[column], **called, "sold": sold, "initial_margin_call": 1e5 * column, **counts})
        sides = {"variation_gain": 2e5, "balances": 5e6}
        by_currency += [
            {"scenario_id": ids[column], "currency": currency, **part, **sides, "sold": 0.0, "sold_for": 0.0, **counts}
            for currency, part in total.items()
        ]
        nothing = dict.fromkeys(called, 0.0) | dict.fromkeys(counts, 0)
        sale = {"variation_gain": 0.0, "balances": 2 * sold, "sold": sold, "sold_for": called["to_sell"]}
        by_currency.append({"scenario_id": ids[column], "currency": "STETH", **nothing, **sale})
    return by_currency, by_scenario, by_owner
