"""Random margin files: every convention, basis and currency, both nettings, weights, caps and the equality rule."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oracle.reading import Row

SCHEDULES = ("marginal", "deduction", "whole", "by-contracts", "whole-by-contracts", "deduction-by-contracts", "per-contract")
OPTION_SCHEDULES = ("short-spot", "short-strike", "marginal", "deduction", "by-contracts", "per-contract")
ASSET_SCHEDULES = ("marginal", "deduction", "whole")
COLLATERAL_SCHEDULES = ("cash", "stable", "coin", "by-quantity", "capped")
MODELS = ("default", "by-underlying", "by-value", "edge")


def pair(random: Random, low: float, high: float) -> Any:
    """A figure for both calculations or a pair, initial at least maintenance."""
    figures = sorted((random.uniform(low, high), random.uniform(low, high)))
    return random.choice([figures[0], {"maintenance": figures[0], "initial": figures[1]}])


def tiers(random: Random, edges: list[float], deductions: bool) -> list[Row]:
    """Tiers of rising rates; deductions are those of a continuous schedule, or too large (then the requirement stops at zero)."""
    rows: list[Row] = []
    rate = random.uniform(0.004, 0.03)
    for number, edge in enumerate(edges):
        row: Row = {"from": edge, "maintenance_rate": rate, "initial_rate": rate * random.uniform(1.2, 2.5)}
        if deductions:
            for level in ("maintenance", "initial"):
                if number == 0:
                    row[f"{level}_deduction"] = random.choice([0.0, 25.0])
                else:
                    before = rows[-1]
                    step = edge * (row[f"{level}_rate"] - before[f"{level}_rate"])
                    row[f"{level}_deduction"] = max(0.0, before[f"{level}_deduction"] + step)
        rows.append(row)
        rate *= random.uniform(1.1, 2.5)
    return rows


def edges(random: Random, first: float) -> list[float]:
    """Rising thresholds from zero."""
    return [0.0, *(first * 5.0**number * random.choice([1.0, random.uniform(0.8, 1.6)]) for number in range(random.randint(0, 4)))]


def make_margin(random: Random, currencies: list[str]) -> Row:
    """A margin file; `currencies` are assets in which thresholds may be stated."""

    def currency() -> Row:
        name = random.choice([None, None, *currencies])
        return {"currency": name} if name is not None else {}

    def bands(first: float, worst: float) -> list[Row]:
        rows: list[Row] = []
        haircut = random.uniform(0.0, 0.1)
        for edge in edges(random, first):
            row: Row = {"from": edge, "haircut": haircut}
            if random.random() < 0.6:
                row["initial_haircut"] = min(1.0, haircut * random.uniform(1.0, 1.8))
            rows.append(row)
            haircut = min(worst, haircut + random.uniform(0.0, 0.3))
        return rows

    collateral: dict[str, Row] = {
        "cash": {"bands": [{"from": 0, "haircut": 0.0}]},
        "stable": {"bands": bands(50_000.0, 0.5), **currency()},
        "coin": {"basis": "value", "bands": bands(20_000.0, 0.9), "liability_weight": pair(random, 1.0, 1.4), **currency()},
        "by-quantity": {"basis": "quantity", "bands": bands(2.0, 0.9), "liability_weight": pair(random, 1.0, 1.4)},
        "capped": {"bands": [{"from": 0.0, "haircut": 0.1, "initial_haircut": 0.2}, {"from": 30_000.0, "haircut": 1.0}], **currency()},
    }
    by_value, by_contracts = edges(random, 10_000.0), edges(random, 5.0)
    margin: dict[str, Row] = {
        "marginal": {"convention": "marginal", "basis": "value", "tiers": tiers(random, by_value, False), **currency()},
        "deduction": {"convention": "deduction", "tiers": tiers(random, edges(random, 10_000.0), True), **currency()},
        "whole": {"convention": "whole", "tiers": tiers(random, edges(random, 11_000.0), False), **currency()},
        "by-contracts": {"basis": "contracts", "tiers": tiers(random, by_contracts, False), **currency()},
        "whole-by-contracts": {"basis": "contracts", "convention": "whole", "tiers": tiers(random, by_contracts, False)},
        "deduction-by-contracts": {"basis": "contracts", "convention": "deduction", "tiers": tiers(random, by_contracts, True), **currency()},
        "per-contract": {"amount_per_contract": pair(random, 1.0, 50.0), **currency()},
    }
    if random.random() < 0.3:
        margin["marginal"] |= {"max_notional": 50_000.0, "above_max": "extend"}
    for name, base in (("short-spot", "underlying"), ("short-strike", "strike")):
        short = {"maintenance": {"rate": 0.10, "minimum": 0.05}, "initial": {"rate": random.uniform(0.12, 0.2), "minimum": 0.10}, "base": base}
        margin[name] = {"tiers": [{"from": 0, "maintenance_rate": 0.05, "initial_rate": 0.1}], "short_option": short}
    models: dict[str, Row] = {
        "default": {"kind": "tiered"},
        "by-underlying": {"kind": "tiered", "net_by": "underlying", "spread_rate": pair(random, 0.0, 0.02)},
        "by-value": {
            "kind": "tiered",
            "pnl_into": "value",
            "positive_pnl_weight": pair(random, 0.0, 1.0),
            "long_option_credit": pair(random, 0.0, 1.0),
        },
        "edge": {"kind": "tiered", "breach_at_equality": True, "long_option_credit": {"maintenance": 1.0, "initial": 0.5}},
    }
    if random.random() < 0.5:
        models["by-value"]["positive_pnl_cap"] = random.choice([500.0, {"maintenance": 1_000.0, "initial": 100.0}])
    if random.random() < 0.5:
        models["by-underlying"]["positive_pnl_weight"] = pair(random, 0.5, 1.0)
    return {"version": 1, "collateral_schedules": collateral, "margin_schedules": margin, "models": models}
