"""Owners and accounts: who trades on the sample venue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

OWNERS = 150
ACCOUNTS = 2_000

# segment -> owners, accounts, median gross notional of an account in dollars, its log dispersion, margin model
SEGMENTS: dict[str, tuple[int, int, float, float, str]] = {
    "market_maker": (14, 98, 0.0, 0.0, "professional"),
    "prop": (26, 150, 2_400_000.0, 0.9, "default"),
    "hedge_fund": (40, 242, 3_200_000.0, 1.0, "prime"),
    "corporate": (22, 58, 2_600_000.0, 0.8, "default"),
    "clearing_client": (24, 372, 900_000.0, 1.0, "clearing"),
    "retail": (24, 1_080, 26_000.0, 1.2, "default"),
}
_PREFIX = {"market_maker": "MM", "prop": "PR", "hedge_fund": "HF", "corporate": "CO", "clearing_client": "CC", "retail": "RT"}
_SUFFIX = {
    "market_maker": ("Liquidity", "Market Making", "Electronic Trading"),
    "prop": ("Trading", "Derivatives", "Proprietary Group"),
    "hedge_fund": ("Capital", "Macro Fund", "Asset Management", "Partners"),
    "corporate": ("Mining", "Energy", "Airlines", "Exports", "Agri"),
    "clearing_client": ("Clearing", "Futures", "Prime Services"),
    "retail": ("Brokers", "Invest", "Markets", "Exchange App"),
}
_FIRST = (
    "Aldgate",
    "Birchwood",
    "Calder",
    "Dunmore",
    "Eastgate",
    "Fernhill",
    "Glenrock",
    "Harrow",
    "Ironbridge",
    "Juniper",
    "Kestrel",
    "Larkspur",
    "Marlowe",
    "Northam",
    "Oakhurst",
    "Pemberton",
    "Quarry",
    "Redcliff",
    "Saltmarsh",
    "Thornbury",
    "Umber",
    "Valewood",
    "Westmere",
    "Yarrow",
    "Zennor",
)
_SECOND = ("Bay", "Point", "Lane", "Hill", "Street", "Park")
_TIERS = ((1.0, 0.62), (1.1, 0.25), (1.25, 0.13))
"""Credit tiers of owners: margin multiplier and share."""


@dataclass(frozen=True)
class Members:
    """The owners and accounts tables (accounts without reported figures) and the style in which each account trades."""

    owners: pl.DataFrame
    accounts: pl.DataFrame
    styles: tuple[str, ...]


def _styles(segment: str, count: int, rng: np.random.Generator) -> list[str]:
    shares: dict[str, tuple[tuple[str, ...], tuple[float, ...]]] = {
        "market_maker": (("maker",), (1.0,)),
        "prop": (("directional_coins", "trend", "short_vol", "relative_value"), (0.30, 0.28, 0.22, 0.20)),
        "hedge_fund": (("basis", "macro", "directional_coins", "long_vol", "short_vol", "relative_value"), (0.26, 0.24, 0.18, 0.12, 0.08, 0.12)),
        "corporate": (("miner", "oil_hedger", "fx_hedger", "farmer"), (0.30, 0.30, 0.25, 0.15)),
        "clearing_client": (("futures_client", "trend", "fx_hedger", "farmer", "index_options"), (0.52, 0.18, 0.12, 0.08, 0.10)),
        "retail": (("retail_perpetual", "retail_coin_margined", "retail_options", "retail_spot", "flat"), (0.74, 0.09, 0.07, 0.07, 0.03)),
    }
    names, weights = shares[segment]
    return [names[i] for i in rng.choice(len(names), size=count, p=np.array(weights))]


def members(rng: np.random.Generator) -> Members:
    """150 owners in six segments, each with several accounts of affiliates, books or clients: 2,000 accounts."""
    owner_rows, account_rows, styles = [], [], []
    firsts = [f"{first} {second}" for second in _SECOND for first in _FIRST]
    order = rng.permutation(len(firsts))
    clearers: list[str] = []
    place = 0
    for segment, (owners, accounts, _, _, model) in SEGMENTS.items():
        # At least one account an owner, the rest by size: a few large owners in each segment.
        weights = rng.gamma(2.0, 1.0, owners)
        extra = rng.multinomial(accounts - owners, weights / weights.sum())
        for number in range(owners):
            owner_id = f"{_PREFIX[segment]}{number + 1:03d}"
            name = f"{firsts[order[place]]} {_SUFFIX[segment][number % len(_SUFFIX[segment])]}"
            place += 1
            if segment == "clearing_client":
                clearers.append(owner_id)
            member = {"market_maker": 1.5e6, "prop": 0.3e6, "hedge_fund": 0.0, "corporate": 0.0, "clearing_client": 1.2e6, "retail": 0.2e6}[segment]
            contribution = round(member * float(rng.uniform(0.4, 1.6)), -4)
            owner_rows.append((owner_id, name, contribution, contribution * 2.0, owner_id if member else None))
            multiplier = 1.0 if segment == "market_maker" else float(rng.choice([t[0] for t in _TIERS], p=[t[1] for t in _TIERS]))
            count = 1 + int(extra[number])
            grouped = segment == "market_maker" or (segment in ("prop", "hedge_fund") and count >= 4 and rng.random() < 0.3)
            for book in range(count):
                label = {"market_maker": "desk", "clearing_client": "client", "retail": "client"}.get(segment, "book")
                # The last account of an owner with a netting group is an affiliate of its own: outside the group.
                group = f"{owner_id}-NET" if grouped and not (book == count - 1 and count > 2) else None
                leverage = float(rng.choice([10.0, 20.0])) if segment == "retail" and rng.random() < 0.25 else None
                account_rows.append(
                    (f"{owner_id}-{book + 1:03d}", owner_id, f"{name}, {label} {book + 1}", segment, group, model, multiplier, leverage)
                )
        styles += _styles(segment, accounts, rng)
    owners_table = pl.DataFrame(
        owner_rows,
        orient="row",
        schema={
            "owner_id": pl.String,
            "name": pl.String,
            "default_fund_contribution": pl.Float64,
            "assessment_cap": pl.Float64,
            "clearing_member_id": pl.String,
        },
    )
    # Funds and companies are not members: they clear through one.
    picks = rng.choice(len(clearers), size=owners_table.height)
    owners_table = owners_table.with_columns(
        pl.coalesce("clearing_member_id", pl.Series([clearers[i] for i in picks])).alias("clearing_member_id")
    ).sort("owner_id")
    accounts_table = pl.DataFrame(
        account_rows,
        orient="row",
        schema={
            "account_id": pl.String,
            "owner_id": pl.String,
            "name": pl.String,
            "segment": pl.String,
            "netting_group": pl.String,
            "margin_model": pl.String,
            "margin_multiplier": pl.Float64,
            "max_leverage": pl.Float64,
        },
    )
    ordering = accounts_table.with_row_index("row").sort("account_id")
    return Members(owners_table, ordering.drop("row"), tuple(styles[i] for i in ordering["row"]))
