"""Statistics over weighted scenarios beside a naive reckoning: a list of losses with exact shares, account by account and owner by owner."""

from __future__ import annotations

import math
from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import polars as pl
from oracle.comparing import agree
from oracle.reading import Row
from oracle.totals import OracleResult

TABLES = ("draw_statistics", "account_probabilities", "owner_distribution")
LEVELS = {"95": Fraction(95, 100), "97_5": Fraction(975, 1000), "99": Fraction(99, 100)}
Shares = dict[str, Fraction]
"""Probability by scenario."""


def families(scenarios: list[Row]) -> dict[tuple[str, float], Shares]:
    """Probabilities of the weighted scenarios by family and horizon."""
    stated: dict[tuple[str, float], Shares] = defaultdict(dict)
    for row in scenarios:
        if row.get("weight"):
            name = row["id"].split(".")[0] if "." in row["id"] else row.get("family", "hypothetical")
            stated[name, float(row.get("horizon_days", 1.0))][row["id"]] = Fraction(row["weight"])
    return {key: {name: weight / sum(own.values()) for name, weight in own.items()} for key, own in stated.items()}


def expected_shortfall(values: dict[str, float], shares: Shares, level: Fraction) -> float:
    """Mean of the worst part, taken from the largest down until it is full."""
    left, amount = 1 - level, 0.0
    for name in sorted(shares, key=lambda each: -values[each]):
        part = min(left, shares[name])
        amount, left = amount + float(part) * values[name], left - part
    return amount / float(1 - level)


def quantile(values: dict[str, float], shares: Shares, level: Fraction) -> float:
    """The first value, from the smallest up, where the level is reached."""
    reached = Fraction(0)
    for name in sorted(shares, key=lambda each: values[each]):
        reached += shares[name]
        if reached >= level:
            return values[name]
    raise AssertionError("shares do not add up to 1")


def spread(values: dict[str, float], shares: Shares) -> float:
    """Standard error of the mean."""
    mean = sum(float(share) * values[name] for name, share in shares.items())
    return math.sqrt(sum((float(share) * (values[name] - mean)) ** 2 for name, share in shares.items()))


def compare_draws(result: Path, scenarios: list[Row], expected: OracleResult) -> list[str]:
    """All differences, one line each."""
    tables = {name: pl.read_parquet(result / f"{name}.parquet").to_dicts() for name in TABLES}
    asked = families(scenarios)
    scale = sum(expected.scale.values())
    found = [f"families {set(asked)}"] if {(row["family"], row["horizon_days"]) for row in tables["draw_statistics"]} != set(asked) else []
    for key, shares in asked.items():
        own = {name: [row for row in rows if (row["family"], row["horizon_days"]) == key] for name, rows in tables.items()}
        found += [f"{key} {line}" for line in of_book(own["draw_statistics"], shares, expected, scale)]
        found += [f"{key} {line}" for line in of_accounts(own["account_probabilities"], shares, expected)]
        found += [f"{key} {line}" for line in of_owners(own["owner_distribution"], shares, expected, scale)]
    return found


def of_book(rows: list[Row], shares: Shares, expected: OracleResult, scale: float) -> list[str]:
    """Mean and expected shortfall of the book."""
    found = {(row["figure"], row["measure"], row["level"]): row["value"] for row in rows}
    wrong = []
    for figure, measure, sign in (("loss", "pnl", -1.0), ("margin_shortfall", "margin_shortfall", 1.0), ("uncollateralised_loss",) * 2 + (1.0,)):
        values = {name: sign * expected.scenarios[name].measures[measure] for name in shares}
        pairs = [(("mean", None), sum(float(share) * values[name] for name, share in shares.items()))]
        pairs += [(("expected_shortfall", float(level)), expected_shortfall(values, shares, level)) for level in LEVELS.values()]
        pairs += [(("value_at_risk", float(level)), quantile(values, shares, level)) for level in LEVELS.values()]
        wrong += [f"{figure} {key}: {found[figure, *key]}, expected {value}" for key, value in pairs if not agree(found[figure, *key], value, scale)]
    defaults = float(sum(share for name, share in shares.items() if expected.scenarios[name].owners_in_default))
    if not agree(found["owners_in_default", "probability", None], defaults, 1.0):
        wrong.append(f"probability of a default: {found['owners_in_default', 'probability', None]}, expected {defaults}")
    return wrong


def of_accounts(rows: list[Row], shares: Shares, expected: OracleResult) -> list[str]:
    """Every account, those too that are not in the table: they fail nowhere."""
    listed = {row["account_id"]: row for row in rows}
    effective = 1.0 / float(sum(share * share for share in shares.values()))
    wrong = []
    for account, scale in expected.scale.items():
        inside = {name: expected.accounts[account, name] for name in shares}
        liquidation = float(sum(shares[name] for name, row in inside.items() if row["status"] in ("liquidation", "default")))
        default = float(sum(shares[name] for name, row in inside.items() if row["status"] == "default"))
        short = {name: float(row["margin_shortfall"]) for name, row in inside.items()}
        wanted = {
            "p_liquidation": (liquidation, 1.0),
            "p_liquidation_standard_error": (math.sqrt(liquidation * (1.0 - liquidation) / effective), 1e4),
            "p_default": (default, 1.0),
            "p_default_standard_error": (math.sqrt(default * (1.0 - default) / effective), 1e4),
            "survival_probability": (1.0 - liquidation, 1.0),
            "margin_shortfall": (sum(float(share) * short[name] for name, share in shares.items()), scale),
            # A difference of squares: half of the digits.
            "margin_shortfall_standard_error": (spread(short, shares), 1e4 * scale),
        }
        row = listed.get(account, dict.fromkeys(wanted, 0.0) | {"survival_probability": 1.0})
        wrong += [f"{account} {name}: {row[name]}, expected {value}" for name, (value, size) in wanted.items() if not agree(row[name], value, size)]
    return wrong


def of_owners(rows: list[Row], shares: Shares, expected: OracleResult, scale: float) -> list[str]:
    """Every owner that loses, in both figures."""
    listed = {(row["owner_id"], row["figure"]): row for row in rows}
    wrong = []
    for owner in sorted(set(expected.owner_of.values())):
        accounts = [account for account, its in expected.owner_of.items() if its == owner]
        for figure in ("margin_shortfall", "uncollateralised_loss"):
            if figure == "margin_shortfall":
                values = {name: sum(float(expected.accounts[account, name][figure]) for account in accounts) for name in shares}
            else:
                values = {name: expected.scenarios[name].owner_losses[figure].get(owner, 0.0) for name in shares}
            row = listed.get((owner, figure))
            if row is None:
                wrong += [f"{owner} {figure} is not there"] if max(values.values()) > 1e-9 * scale else []
                continue
            wanted = {
                "mean": sum(float(share) * values[name] for name, share in shares.items()),
                "mean_standard_error": spread(values, shares),
                "maximum": max(values.values()),
                "quantile_50": quantile(values, shares, Fraction(1, 2)),
                "quantile_90": quantile(values, shares, Fraction(9, 10)),
                **{f"expected_shortfall_{name}": expected_shortfall(values, shares, level) for name, level in LEVELS.items()},
            }
            wrong += [
                f"{owner} {figure} {name}: {row[name]}, expected {value}" for name, value in wanted.items() if not agree(row[name], value, scale)
            ]
    return wrong
