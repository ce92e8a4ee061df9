"""Statistics of the portfolio beside a naive reckoning over pools: dictionaries of owners and underlyings (methodology, section 13)."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from oracle import comparing
from oracle.comparing import agree
from oracle.margin import build_pools
from oracle.reading import Question, Row
from oracle.shocks import BASE, resolve
from oracle.totals import OracleResult
from oracle.valuation import option_terms, value_instruments

VOLUME_SHARE, TOP, LISTED = 0.2, 10, 100
"""As a run has them that does not say otherwise."""
EDGES = {"leverage": (1, 2, 3, 5, 10, 20, 50, 100), "margin_ratio": (0, 0.5, 1, 1.1, 1.25, 1.5, 2, 3, 5, 10)}
NEAR = 1e-9
"""Of the largest amount: less is a rest of rounding."""


@dataclass
class Held:
    """Notional by side, and of derivatives alone; accounts, and how many netted positions."""

    long: float = 0.0
    short: float = 0.0
    long_derivatives: float = 0.0
    short_derivatives: float = 0.0
    accounts: set[str] = field(default_factory=set)
    positions: int = 0

    @property
    def gross(self) -> float:
        """Long plus short."""
        return self.long + self.short

    @property
    def net(self) -> float:
        """Long less short."""
        return self.long - self.short


def compare_statistics(result: Path, question: Question, expected: OracleResult) -> list[str]:
    """All differences, one line each."""
    tables = {name: pl.read_parquet(result / f"{name}.parquet") for name in ("concentration", "concentration_owners", "days_to_liquidate")}
    owners, accounts = holdings(question, expected)
    volumes = {name: float(asset.get("daily_volume") or 0.0) for name, asset in question.snapshot.assets.items()}
    scale = sum(expected.scale.values())
    return [
        *of_underlyings(tables["concentration"].to_dicts(), question, owners, volumes, scale),
        *of_owners(tables["concentration_owners"].to_dicts(), owners, volumes, scale),
        *of_days(tables["days_to_liquidate"].to_dicts(), accounts, volumes, expected),
        *of_distribution(pl.read_parquet(result / "distribution.parquet").to_dicts(), expected),
    ]


Holdings = dict[str, dict[str, Held]]
"""By holder and underlying."""


def holdings(question: Question, expected: OracleResult) -> tuple[Holdings, Holdings]:
    """What owners hold, and what accounts hold, at base."""
    snapshot = question.snapshot
    state = resolve(snapshot, BASE, {})
    priced = value_instruments(snapshot, state, state, option_terms(snapshot, state))
    owners: Holdings = defaultdict(lambda: defaultdict(Held))
    accounts: Holdings = defaultdict(lambda: defaultdict(Held))
    for pool in build_pools(snapshot):
        for name, position in pool.positions.items():
            instrument = snapshot.instruments[name]
            signed = position.quantity * priced[name].notional
            for held in (owners[expected.owner_of[pool.account_id]][instrument["underlying"]], accounts[pool.account_id][instrument["underlying"]]):
                if position.quantity == 0.0:
                    continue
                held.long += max(signed, 0.0)
                held.short += max(-signed, 0.0)
                if instrument["kind"] != "spot":
                    held.long_derivatives += max(signed, 0.0)
                    held.short_derivatives += max(-signed, 0.0)
                held.accounts.add(pool.account_id)
                held.positions += 1
    return owners, accounts


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0.0 else None


def _top(amounts: list[float], number: int) -> float | None:
    return _share(sum(sorted(amounts, reverse=True)[:number]), sum(amounts))


def _index(amounts: list[float]) -> float | None:
    total = sum(amounts)
    return sum((amount / total) ** 2 for amount in amounts) if total > 0.0 else None


def of_underlyings(rows: list[Row], question: Question, owners: Holdings, volumes: dict[str, float], scale: float) -> list[str]:
    """Every figure of every underlying."""
    snapshot = question.snapshot
    state = resolve(snapshot, BASE, {})
    priced = value_instruments(snapshot, state, state, option_terms(snapshot, state))
    by_underlying: dict[str, list[Held]] = defaultdict(list)
    for held_by_owner in owners.values():
        for underlying, held in held_by_owner.items():
            if held.positions:
                by_underlying[underlying].append(held)
    found = [] if [row["underlying"] for row in rows] == sorted(by_underlying) else [f"underlyings {[row['underlying'] for row in rows]}"]
    book = sum(held.gross for each in by_underlying.values() for held in each)
    for row in rows:
        each = by_underlying[row["underlying"]]
        gross, long, short = ([getattr(held, side) for held in each] for side in ("gross", "long", "short"))
        sides = [[held.long_derivatives for held in each], [held.short_derivatives for held in each]]
        stated = [
            float(instrument["open_interest"]) * priced[name].notional
            for name, instrument in snapshot.instruments.items()
            if instrument["underlying"] == row["underlying"] and instrument["kind"] != "spot" and instrument.get("open_interest") is not None
        ]
        pace = VOLUME_SHARE * volumes[row["underlying"]]
        largest = max(abs(held.net) for held in each)
        figures: dict[str, float | None] = {
            "positions": sum(held.positions for held in each),
            "accounts": sum(len(held.accounts) for held in each),
            "owners": len(each),
            "long_notional": sum(long),
            "short_notional": sum(short),
            "net_notional": sum(long) - sum(short),
            "gross_notional": sum(gross),
            "gross_share": _share(sum(gross), book),
            "open_interest": max(sum(sides[0]), sum(sides[1])),
            "venue_open_interest": sum(stated) if stated else None,
            "herfindahl": _index(gross),
            "herfindahl_long": _index(long),
            "herfindahl_short": _index(short),
            "daily_volume": volumes[row["underlying"]] or None,
            "days_to_liquidate_largest_owner": _share(largest, pace),
            "days_to_liquidate_gross": _share(sum(gross), pace),
        }
        for number in (1, 5, 10):
            figures[f"top_{number}_share"] = _top(gross, number)
            figures[f"top_{number}_open_interest_share"] = max((share for side in sides if (share := _top(side, number)) is not None), default=None)
        if largest > NEAR * scale:
            figures["largest_net_notional"] = math.copysign(largest, row["largest_net_notional"] or 0.0)
        for name, value in figures.items():
            # Sums that cancel have no digits of their own: what is left is rounding of what was added up.
            noise = scale / pace if name.startswith("days") and pace else scale if "notional" in name else 0.0
            if (row[name] is None) != (value is None) or (value is not None and not agree(row[name], value, noise)):
                found.append(f"{row['underlying']}: {name} {row[name]}, not {value}")
    return found


def of_owners(rows: list[Row], owners: Holdings, volumes: dict[str, float], scale: float) -> list[str]:
    """The largest owners of each underlying, in order."""
    found = []
    by_underlying: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_underlying[row["underlying"]].append(row)
    for underlying, listed in by_underlying.items():
        here = {owner: each[underlying] for owner, each in owners.items() if underlying in each and each[underlying].positions}
        total = sum(held.gross for held in here.values())
        largest = sorted((held.gross for held in here.values()), reverse=True)[:TOP]
        if len(listed) != len(largest) or not all(agree(row["gross_notional"], amount, scale) for row, amount in zip(listed, largest, strict=True)):
            found.append(f"{underlying}: {[row['gross_notional'] for row in listed]}, not {largest}")
        for row in listed:
            held, pace = here[row["owner_id"]], VOLUME_SHARE * volumes[underlying]
            figures = (held.long, held.short, held.net, held.gross)
            names = ("long_notional", "short_notional", "net_notional", "gross_notional")
            wrong = [name for name, figure in zip(names, figures, strict=True) if not agree(row[name], figure, scale)]
            if pace and not agree(row["days_to_liquidate"], abs(held.net) / pace, scale / pace):
                wrong.append("days_to_liquidate")
            if total > 0.0 and not agree(row["share"], held.gross / total, 0.0):
                wrong.append("share")
            if row["accounts"] != len(held.accounts) or (pace == 0.0) != (row["days_to_liquidate"] is None):
                wrong.append("accounts or days")
            found += [f"{row}: {name} is not of {held}" for name in wrong]
    return found


def of_days(rows: list[Row], accounts: Holdings, volumes: dict[str, float], expected: OracleResult) -> list[str]:
    """Days of each account that is listed, and that no other takes longer."""
    days, found = {}, []
    for account, each in accounts.items():
        paced = [abs(held.net) / (VOLUME_SHARE * volumes[underlying]) for underlying, held in each.items() if volumes[underlying] > 0.0]
        days[account] = max(paced, default=0.0)
    for row in rows:
        account, each = row["account_id"], accounts[row["account_id"]]
        scale = expected.scale[account]
        unknown = sum(held.gross for underlying, held in each.items() if volumes[underlying] == 0.0)
        pace = VOLUME_SHARE * volumes[row["underlying"]]
        right = agree(row["days_to_liquidate"], days[account], scale / pace) and agree(row["net_notional"], each[row["underlying"]].net, scale)
        right = right and agree(row["days_to_liquidate"], abs(row["net_notional"]) / pace, 0.0) and agree(row["gross_without_volume"], unknown, scale)
        right = right and agree(row["gross_notional"], expected.gross_notional[account], scale) and row["daily_volume"] == volumes[row["underlying"]]
        if not right:
            found.append(f"days to liquidate: {row}, not {days[account]}")
    listed = [row["days_to_liquidate"] for row in rows]
    if listed != sorted(listed, reverse=True) or [row["rank"] for row in rows] != list(range(1, len(rows) + 1)):
        found.append(f"days to liquidate are out of order: {listed}")
    least = listed[-1] if len(listed) == LISTED else 0.0
    missing = {account for account, longest in days.items() if longest > least * (1 + NEAR) + NEAR} - {row["account_id"] for row in rows}
    return [*found, *(f"days to liquidate: {account} is missing, with {days[account]}" for account in sorted(missing))]


def of_distribution(rows: list[Row], expected: OracleResult) -> list[str]:
    """Buckets, quantiles and accounts apart: leverage at base, margin ratios at base and of every account in its own worst headline scenario."""
    found, near = [], 10 * comparing.RELATIVE
    for measure, state in (("leverage", "base"), ("margin_ratio", "base"), ("margin_ratio", "worst_headline")):
        here = [row for row in rows if (row["measure"], row["state"]) == (measure, state)]
        values, apart = [], 0
        if state != "base" and not expected.headline:
            continue
        for account in expected.owner_of:
            scenario = "base" if state == "base" else expected.worst_headline[account]
            assert scenario is not None
            value = measured(measure, expected.accounts[account, scenario], expected.gross_notional[account])
            if value is None:
                apart += 1
            else:
                values.append(value)
        if sum(row["accounts"] for row in here if row["kind"] == "apart") != apart:
            found.append(f"{measure} in {state}: {apart} accounts are apart")
        edges = (-math.inf, *EDGES[measure], math.inf)
        buckets = [row["accounts"] for row in here if row["kind"] == "bucket"]
        for number, (count, lower, upper) in enumerate(zip(buckets, edges[:-1], edges[1:], strict=True)):
            inside, room = (
                sum(lower + sign * near * max(1, abs(lower)) <= value < upper - sign * near * max(1, abs(upper)) for value in values)
                if math.isfinite(lower) and math.isfinite(upper)
                else sum((value >= lower + sign * near * lower) if math.isfinite(lower) else (value < upper - sign * near) for value in values)
                for sign in (1, -1)
            )
            if not inside <= count <= room:
                found.append(f"{measure} in {state}: bucket {number} has {count}, not {inside}")
        for row in here:
            if row["kind"] == "quantile":
                value = sorted(values)[math.ceil(round(row["level"] * 100) * len(values) / 100) - 1]
                # A ratio of two figures, each as exact as figures are compared elsewhere.
                if not math.isclose(row["value"], value, rel_tol=10 * comparing.RELATIVE, abs_tol=10 * comparing.RELATIVE):
                    found.append(f"{measure} in {state}: {row['level']} is {row['value']}, not {value}")
    return found


def measured(measure: str, figures: Row, gross: float) -> float | None:
    """One account's value; None where it has none."""
    nothing = max(0.01, 1e-9 * gross)
    if measure == "leverage":
        return gross / figures["equity"] if figures["equity"] > nothing and gross > 0.0 else None
    required, short = figures["maintenance_margin"], figures["margin_shortfall"]
    if required <= nothing:
        return None
    return float((required - short if short > 0.0 else figures["margin_balance"]) / required)
