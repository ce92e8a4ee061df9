"""Tables of the portfolio's statistics for finished runs without the pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from generated.page_tables import ASSETS, Rows


def distribution_rows(measures: Mapping[str, np.ndarray], headline: bool) -> Rows:
    """distribution: every account in one bucket of each measure, half of them below the median; in the second state as at base."""
    accounts = len(measures["equity"])
    gross = float(measures["maintenance_margin"][:, 0].sum()) * 20
    found = []
    for measure, reasons in (("leverage", ("equity zero or below", "no positions")), ("margin_ratio", ("no requirement",))):
        for state in ("base", "worst_headline") if headline else ("base",):
            key = {"measure": measure, "state": state}
            empty = dict.fromkeys(("lower", "upper", "level", "value", "reason")) | {"accounts": 0, "gross_notional": 0.0}
            found += [key | empty | {"kind": "apart", "place": place, "reason": reason} for place, reason in enumerate(reasons, 1)]
            found += [
                key | empty | {"kind": "bucket", "place": place, "lower": lower, "upper": upper, "accounts": number, "gross_notional": gross * share}
                for place, lower, upper, number, share in ((1, None, 1.0, 0, 0.0), (2, 1.0, 2.5, accounts, 1.0), (3, 2.5, None, 0, 0.0))
            ]
            half = {"level": 0.5, "value": 1.75, "accounts": accounts // 2, "gross_notional": gross / 2}
            found.append(key | empty | half | {"kind": "quantile", "place": 1})
    return found


def concentration_rows(owners: Sequence[str]) -> tuple[Rows, Rows]:
    """concentration and concentration_owners: the first owner has nine tenths of BTC, the others a share alike; of UST-NOTE no volume is known."""
    lines, listed = [], []
    shares = [1.0] if len(owners) == 1 else [0.9, *[0.1 / (len(owners) - 1)] * (len(owners) - 1)]
    for number, (asset, asset_class, _, _) in enumerate(ASSETS):
        gross, volume = 2e8 / (number + 1), None if asset == "UST-NOTE" else 5e7
        tops = {f"top_{n}_share": sum(shares[:n]) for n in (1, 5, 10)}
        days = None if volume is None else gross * 0.9 / (0.2 * volume)
        sides = {"long_notional": gross, "short_notional": 0.0, "net_notional": gross, "gross_notional": gross}
        lines.append(
            {"underlying": asset, "asset_class": asset_class, "positions": 40, "accounts": 20, "owners": len(owners), **sides, "gross_share": 0.25,
             "open_interest": gross, "venue_open_interest": None, "herfindahl": 0.81, "herfindahl_long": 0.81, "herfindahl_short": None, **tops,
             **{f"top_{n}_open_interest_share": sum(shares[:n]) for n in (1, 5, 10)}, "largest_net_owner_id": owners[0],
             "largest_net_notional": gross * 0.9, "daily_volume": volume, "days_to_liquidate_largest_owner": days,
             "days_to_liquidate_gross": None if days is None else days / 0.9}
        )  # fmt: skip
        for rank, (owner, share) in enumerate(zip(owners[:10], shares, strict=False), 1):
            scaled = {name: amount * share for name, amount in sides.items()}
            pace = None if volume is None else gross * share / (0.2 * volume)
            listed.append(
                {"underlying": asset, "rank": rank, "owner_id": owner, "name": None, "accounts": 1, **scaled, "share": share,
                 "days_to_liquidate": pace}
            )  # fmt: skip
    return lines, listed


def longest_rows(accounts: Sequence[Mapping[str, Any]]) -> Rows:
    """days_to_liquidate of up to a hundred accounts, the first taking longest."""
    return [
        {"rank": rank, "owner_id": account["owner_id"], "account_id": account["account_id"], "name": account["name"], "underlying": "BTC",
         "days_to_liquidate": 12.0 / rank, "net_notional": -1.2e8 / rank, "daily_volume": 5e7, "gross_notional": 2e8, "gross_without_volume": 5e7,
         "equity": 1e6, "worst_headline_status": "default" if rank == 1 else "ok"}
        for rank, account in enumerate(accounts[:100], 1)
    ]  # fmt: skip
