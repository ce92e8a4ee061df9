"""The margin parameters of the venue's own risk system.

The same figures stand in `margin.yaml`, written there by hand: the venue's system and the stress test keep their own
copies, as they would in a real shop, and a test compares them. Rates and haircuts are decimals, thresholds are in the
schedule's currency, in units of the token, or in contracts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class HaircutSchedule:
    """Bands of (from, maintenance haircut, initial haircut); liability weights for (maintenance, initial)."""

    bands: tuple[tuple[float, float, float], ...]
    basis: Literal["value", "quantity"] = "value"
    currency: str = "USD"
    liability: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True)
class ShortOption:
    """Per unit max(rate * S - otm, minimum * base), for (maintenance, initial)."""

    rate: tuple[float, float]
    minimum: tuple[float, float]
    base: Literal["underlying", "strike"] = "underlying"


@dataclass(frozen=True)
class TierSchedule:
    """Tiers of (from, maintenance rate, initial rate, maintenance deduction, initial deduction), or amounts per contract."""

    tiers: tuple[tuple[float, float, float, float, float], ...] = ()
    convention: Literal["marginal", "deduction", "whole"] = "marginal"
    basis: Literal["value", "contracts"] = "value"
    currency: str = "USD"
    amount: tuple[float, float] | None = None
    short_option: ShortOption | None = None


@dataclass(frozen=True)
class MarginModel:
    """How an account is margined; pairs are (maintenance, initial)."""

    net_by: Literal["instrument", "underlying"] = "instrument"
    pnl_into: Literal["settle_balance", "value"] = "settle_balance"
    positive_pnl_weight: tuple[float, float] = (1.0, 1.0)
    long_option_credit: float = 0.0
    spread_rate: tuple[float, float] = (0.0, 0.0)


def _plain(*tiers: tuple[float, float, float]) -> tuple[tuple[float, float, float, float, float], ...]:
    return tuple((*tier, 0.0, 0.0) for tier in tiers)


HAIRCUTS: dict[str, HaircutSchedule] = {
    "cash_usd": HaircutSchedule(((0, 0.0, 0.0),)),
    "cash_eur": HaircutSchedule(((0, 0.015, 0.02), (1_000_000, 0.03, 0.04)), currency="EUR", liability=(1.02, 1.03)),
    "cash_jpy": HaircutSchedule(((0, 0.025, 0.035), (250_000_000, 0.05, 0.06)), basis="quantity", liability=(1.03, 1.04)),
    "stable_prime": HaircutSchedule(((0, 0.0, 0.0), (5_000_000, 0.01, 0.02), (15_000_000, 0.05, 0.08)), liability=(1.0, 1.01)),
    "stable_second": HaircutSchedule(((0, 0.005, 0.01), (3_000_000, 0.02, 0.03), (10_000_000, 0.06, 0.10)), liability=(1.0, 1.01)),
    "stable_synthetic": HaircutSchedule(
        ((0, 0.08, 0.10), (500_000, 0.15, 0.20), (2_500_000, 0.40, 0.50), (10_000_000, 1.0, 1.0)), liability=(1.05, 1.10)
    ),
    "btc": HaircutSchedule(((0, 0.05, 0.08), (20, 0.10, 0.13), (100, 0.18, 0.22), (1_000, 0.40, 0.45)), basis="quantity", liability=(1.05, 1.10)),
    "eth": HaircutSchedule(((0, 0.07, 0.10), (1_000_000, 0.12, 0.16), (10_000_000, 0.25, 0.30)), liability=(1.05, 1.10)),
    "large_coin": HaircutSchedule(((0, 0.12, 0.16), (200_000, 0.20, 0.25), (1_500_000, 0.35, 0.40), (10_000_000, 1.0, 1.0)), liability=(1.10, 1.20)),
    "staked_coin": HaircutSchedule(((0, 0.10, 0.14), (400_000, 0.18, 0.24), (3_000_000, 0.40, 0.50), (15_000_000, 1.0, 1.0)), liability=(1.10, 1.20)),
    "bill": HaircutSchedule(((0, 0.005, 0.01), (3_000_000, 0.02, 0.03)), liability=(1.02, 1.03)),
    "note": HaircutSchedule(((0, 0.02, 0.03), (1_000_000, 0.04, 0.06)), liability=(1.04, 1.06)),
}

TIERS: dict[str, TierSchedule] = {
    "majors": TierSchedule(_plain((0, 0.005, 0.01), (500_000, 0.01, 0.02), (3_000_000, 0.02, 0.04), (10_000_000, 0.05, 0.10))),
    "large_coins": TierSchedule(
        (
            (0, 0.01, 0.02, 0, 0),
            (250_000, 0.02, 0.04, 2_500, 5_000),
            (2_000_000, 0.04, 0.08, 42_500, 85_000),
            (10_000_000, 0.10, 0.20, 642_500, 1_285_000),
        ),
        convention="deduction",
    ),
    "alt_coins": TierSchedule(_plain((0, 0.02, 0.04), (100_000, 0.03, 0.06), (1_000_000, 0.06, 0.12), (5_000_000, 0.125, 0.25)), convention="whole"),
    "coin_margined": TierSchedule(_plain((0, 0.005, 0.01), (20_000, 0.0125, 0.025), (200_000, 0.03, 0.06)), basis="contracts"),
    "quanto": TierSchedule(_plain((0, 0.02, 0.04), (50_000, 0.05, 0.10))),
    "index_us": TierSchedule(_plain((0, 0.05, 0.055), (20, 0.06, 0.066), (100, 0.08, 0.088)), basis="contracts"),
    "index_eu": TierSchedule(_plain((0, 0.06, 0.072), (1_000_000, 0.075, 0.09)), currency="EUR"),
    "index_jp": TierSchedule(_plain((0, 0.06, 0.07), (100_000_000, 0.08, 0.095)), convention="whole", currency="JPY"),
    "tradfi_perpetual": TierSchedule(_plain((0, 0.025, 0.05), (2_000_000, 0.05, 0.10))),
    "wti": TierSchedule(amount=(6_200, 6_820)),
    "brent": TierSchedule(amount=(5_900, 6_490)),
    "natural_gas": TierSchedule(amount=(3_900, 4_290)),
    "gold": TierSchedule(amount=(21_000, 23_100)),
    "silver": TierSchedule(amount=(24_000, 26_400)),
    "platinum": TierSchedule(amount=(5_500, 6_050)),
    "copper": TierSchedule(amount=(8_500, 9_350)),
    "grains": TierSchedule(_plain((0, 0.05, 0.055), (40, 0.065, 0.0715)), convention="whole", basis="contracts"),
    "fx_standard": TierSchedule(amount=(2_600, 2_860)),
    "fx_small": TierSchedule(amount=(1_750, 1_925)),
    "fx_yen": TierSchedule(amount=(480_000, 528_000), currency="JPY"),
    "fx_peso": TierSchedule(_plain((0, 0.05, 0.055), (25, 0.06, 0.066)), convention="whole", basis="contracts"),
    "coin_options": TierSchedule(_plain((0, 0.10, 0.15)), short_option=ShortOption((0.075, 0.11), (0.04, 0.06))),
    "index_options": TierSchedule(_plain((0, 0.10, 0.12)), short_option=ShortOption((0.10, 0.12), (0.045, 0.06), base="strike")),
    "commodity_options": TierSchedule(_plain((0, 0.06, 0.08), (1_000_000, 0.09, 0.12))),
    "spot_margin": TierSchedule(_plain((0, 0.03, 0.05))),
    "net_index": TierSchedule(_plain((0, 0.05, 0.055), (5_000_000, 0.07, 0.077))),
    "net_commodity": TierSchedule(_plain((0, 0.07, 0.08), (2_000_000, 0.10, 0.115))),
    "net_fx": TierSchedule(_plain((0, 0.02, 0.022), (5_000_000, 0.03, 0.033))),
}

MODELS: dict[str, MarginModel] = {
    "default": MarginModel(),
    "clearing": MarginModel(net_by="underlying", spread_rate=(0.008, 0.01)),
    "professional": MarginModel(net_by="underlying", long_option_credit=0.8, spread_rate=(0.004, 0.006)),
    "prime": MarginModel(pnl_into="value", positive_pnl_weight=(1.0, 0.5), long_option_credit=0.5),
}
