"""Random scenarios: every factor and shift type, first match, filters, time that passes; none that leaves a price at or below zero."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from generated.market import COINS, FOLLOWED, HELD

if TYPE_CHECKING:
    from oracle.reading import Row

FAMILIES = ("historical", "hypothetical", "operational", "sensitivity")
CLASSES = ("crypto", "equity", "commodity", "rates", "cash")
LOCATIONS = ("custodian-a", "bridge-x", "chain-y")


def asset_filter(random: Random) -> Row:
    """Nothing, or a filter that assets can pass."""
    named = [{"asset": ["BTC", "BOND"]}, {"not_asset": ["BTC", "JPY"]}, {"may_be_negative": False}]
    tagged = random.choice([{"tags": ["staked"]}, {"tags": ["stablecoin"]}, {"not_tags": ["staked"]}, *named])
    where = random.choice([None, None, {"asset_class": random.choice(CLASSES)}, tagged])
    return {"where": where} if where else {}


def spot_filter(random: Random) -> Row:
    """The same, or a risk group."""
    return {"where": {"risk_group": random.choice(["BTC", "metals"])}} if random.random() < 0.1 else asset_filter(random)


def spot(random: Random, assets: dict[str, Row], reporting: str) -> Row:
    """A move of one asset or of all; shifts in units of price only where the asset is named."""
    named = [asset for asset in (*COINS, *FOLLOWED, "USDT", "EUR", "BOND", "JPY") if asset != reporting and asset in assets]
    name = random.choice(["*", "*", *named])
    shift = random.choice(["relative", "relative", "scale"] if name == "*" else ["relative", "absolute", "scale", "replace"])
    size = {"relative": random.uniform(-0.6, 0.8), "scale": random.uniform(0.6, 1.5)}.get(shift, 0.0)
    if name != "*":
        price = assets[name]["price"]
        if shift == "absolute":
            size = random.uniform(-0.05, 0.3) * abs(price)
        if shift == "replace":
            size = random.uniform(-40.0, 40.0) if name == "WTI" else price * random.uniform(0.3, 2.0)
    # A filter on a named asset is legal and either passes or does not.
    return {"factor": f"spot:{name}", shift: size, **(spot_filter(random) if name == "*" or random.random() < 0.1 else {})}


def vol(random: Random, assets: dict[str, Row], reporting: str) -> Row:
    """A move of vols, selected by tenor, moneyness or type, with or without a term."""
    shift = random.choice(["relative", "relative", "absolute", "scale", "replace"])
    low, high = {"relative": (-0.9, 3.0), "absolute": (-0.3, 0.6), "scale": (0.0, 3.0), "replace": (0.0, 2.0)}[shift]
    size = random.uniform(low, high)
    shock: Row = {"factor": f"vol:{random.choice(['*', '*', *COINS, *FOLLOWED])}", shift: size}
    where: Row = {}
    if random.random() < 0.3:
        where["tenor_days"] = random.choice([[0, 30], [7, 91], [30, None]])
    if random.random() < 0.3:
        where["log_moneyness"] = random.choice([[-5.0, -0.01], [-0.5, 0.5], [0.01, 5.0]])
    if random.random() < 0.2:
        where["option_type"] = random.choice(["call", "put"])
    if random.random() < 0.2:
        where["asset_class"] = random.choice(CLASSES)
    if where:
        shock["where"] = where
    if shift in ("relative", "absolute") and random.random() < 0.4:
        shock["term"] = {"reference_days": 30, "power": 0.30, "min_days": random.choice([1, 5])}
        if random.random() < 0.5:
            shock["term"]["power_long"] = 0.13
    return shock


def rate(random: Random, assets: dict[str, Row], reporting: str) -> Row:
    """A move of one rate or of all."""
    shift, size = random.choice([("absolute", random.uniform(-0.02, 0.04)), ("replace", random.uniform(-0.01, 0.08))])
    return {"factor": f"rate:{random.choice(['*', 'EUR', 'USD', 'USDT', 'BOND', 'BTC'])}", shift: size, **asset_filter(random)}


def basis(random: Random, assets: dict[str, Row], reporting: str) -> Row:
    """Forwards and perpetuals against spot."""
    where = random.choice([None, {"kind": "perpetual"}, {"kind": ["future", "option"]}, {"risk_group": "BTC"}, {"asset_class": "crypto"}])
    shock: Row = {"factor": "basis:*", "absolute": random.uniform(-0.1, 0.1)}
    if where:
        shock["where"] = where
    if random.random() < 0.4:
        shock["annualised"] = True
    return shock


def collateral(random: Random, assets: dict[str, Row], reporting: str) -> Row:
    """The worth of an asset as collateral."""
    name = random.choice(["*", *(asset for asset in HELD if asset != reporting)])
    shift, size = random.choice([("relative", random.uniform(-0.5, 0.1)), ("scale", random.uniform(0.5, 1.1)), ("replace", random.uniform(0.0, 1.1))])
    return {"factor": f"collateral:{name}", shift: size, **(asset_filter(random) if name == "*" else {})}


def haircut(random: Random, assets: dict[str, Row], reporting: str) -> Row:
    """Larger or smaller haircuts; some leave the range and are clamped."""
    name = random.choice(["*", *(asset for asset in HELD if asset != reporting)])
    shift, size = random.choice(
        [("relative", random.uniform(-0.5, 1.5)), ("absolute", random.uniform(-0.1, 0.4)), ("scale", 2.0), ("replace", random.uniform(0.0, 1.0))]
    )
    return {"factor": f"haircut:{name}", shift: size, **(asset_filter(random) if name == "*" else {})}


def holding(random: Random, assets: dict[str, Row], reporting: str) -> Row:
    """What is left of balances at a location, or of an asset everywhere."""
    name = random.choice(["*", *(asset for asset in HELD if asset != reporting)])
    shift, low, high = random.choice([("replace", 0.0, 0.0), ("replace", 0.5, 0.5), ("scale", 0.0, 1.0), ("relative", -1.2, 0.0)])
    size = random.uniform(low, high)
    where: Row = {"location": random.choice((*LOCATIONS, "*-*", "bridge*"))}
    if random.random() < 0.2:
        where = {"location": list(LOCATIONS[:2])}
    if random.random() < 0.2:
        where["asset_class"] = "crypto"
    return {"factor": f"holding:{name}", shift: size, **({"where": where} if name == "*" or random.random() < 0.5 else {})}


def margin_rate(random: Random, assets: dict[str, Row], reporting: str) -> Row:
    """Larger requirements of a schedule, of all schedules, or of one tiered model."""
    name = random.choice(["*", "*", "marginal", "short-spot", "by-contracts", "default", "by-underlying"])
    shift, size = random.choice([("scale", random.uniform(1.0, 2.0)), ("relative", random.uniform(-0.2, 0.5)), ("replace", 1.25)])
    return {"factor": f"margin_rate:{name}", shift: size}


MAKERS: tuple[Callable[[Random, dict[str, Row], str], Row], ...] = (
    spot, spot, spot, spot, vol, vol, rate, basis, collateral, haircut, holding, margin_rate,
)  # fmt: skip


def make_scenarios(random: Random, assets: dict[str, Row], reporting: str) -> list[Row]:
    """One to six scenarios of one to seven shocks."""
    scenarios: list[Row] = []
    for number in range(random.randint(1, 6)):
        scenario: Row = {
            "id": f"case_{number}.{random.choice('abc')}",
            "name": f"case {number}",
            "family": random.choice(FAMILIES),
            "shocks": [random.choice(MAKERS)(random, assets, reporting) for _ in range(random.randint(1, 7))],
        }
        if random.random() < 0.2:
            scenario["headline"] = random.choice([True, False])
        if random.random() < 0.4:
            scenario["horizon_days"] = random.choice([1, 2, 10])
            scenario["decay"] = random.choice([True, True, False])
        scenarios.append(scenario)
    return scenarios
