"""The cases that are planted in the sample, so that a reader knows what the report should find (README.md tells them)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from venue.members import Members


@dataclass(frozen=True)
class Planted:
    """One account with its own story: how it trades, extra positions in contracts, what it posts and where, how thin its cushion is."""

    account_id: str
    style: str
    cushion: float
    """Collateral as a share of what the worst coarse shock would cost it."""
    contracts: dict[str, float] = field(default_factory=dict)
    mix: dict[str, float] = field(default_factory=dict)
    location: str | None = None


PLANTED = (
    # Long the delivery month that can go below zero.
    Planted("CC007-001", "flat", 0.9, {"WTI-Z26-FUT": 130.0, "WTI-F27-FUT": 25.0}, {"USD": 1.0}),
    # All of its collateral came over one bridge.
    Planted("PR009-001", "flat", 1.15, {"ETH-USDT-PERP": 500.0, "SOL-USDC-PERP": -6_000.0}, {"USDC": 0.6, "ETH": 0.25, "STETH": 0.15}, "bridge-span"),
    # Borrows dollars to hold more of a synthetic stablecoin that pays more.
    Planted("HF012-001", "flat", 1.15, {"BTC-USDC-PERP": -60.0}, {"USDE": 2.5, "USDC": -1.5}),
    # Sold index strangles: nothing moves it but a jump in equities or in their vol.
    Planted(
        "HF021-001",
        "flat",
        0.62,
        {"SPX-USD-Z26-6500-P": -60.0, "SPX-USD-Z26-6650-P": -50.0, "SPX-USD-Z26-7250-C": -50.0, "SPX-USD-H27-6300-P": -30.0, "SPX-FUT-Z26": -6.0},
        {"USD": 0.4, "UST-BILL-FEB27": 0.6},
    ),
    # Sold coin strangles, margined in coin.
    Planted(
        "PR017-001",
        "flat",
        0.66,
        {
            "BTC-25DEC26-80000-P": -90.0,
            "BTC-25DEC26-84000-P": -60.0,
            "BTC-25DEC26-112000-C": -80.0,
            "ETH-25DEC26-2700-P": -900.0,
            "ETH-25DEC26-4000-C": -700.0,
        },
        {"BTC": 0.55, "USDC": 0.45},
    ),
    # One coin, large beside its daily volume, against staked coins.
    Planted("HF030-001", "flat", 0.8, {"HYPE-USDT-PERP": 310_000.0}, {"STETH": 0.5, "USDT": 0.5}),
    # Short the meme coins: an up-move hurts.
    Planted(
        "HF034-001", "flat", 0.7, {"DOGE-USDT-PERP": -60_000_000.0, "PEPE-USDT-PERP": -1_100_000.0, "WIF-USDT-PERP": -9_000_000.0}, {"USDC": 1.0}
    ),
)
BY_ACCOUNT = {case.account_id: case for case in PLANTED}


def with_styles(members: Members) -> Members:
    """The members with the planted accounts trading in their own style."""
    missing = set(BY_ACCOUNT) - set(members.accounts["account_id"])
    if missing:
        raise ValueError(f"planted accounts that do not exist: {sorted(missing)}")
    styles = tuple(BY_ACCOUNT[a].style if a in BY_ACCOUNT else s for a, s in zip(members.accounts["account_id"], members.styles, strict=True))
    return replace(members, styles=styles)
