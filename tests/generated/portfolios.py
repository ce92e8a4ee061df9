"""Portfolio models for a generated book: grids, groups that come together in every way, add-ons and hedges at random; nothing is refused."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from generated.market import COINS, FOLLOWED, HELD
from generated.rules import pair

if TYPE_CHECKING:
    from generated.books import BookSpec
    from oracle.reading import Row

GROUPS = (*COINS, *FOLLOWED, "metals", "coins")
FILTERS: tuple[Row | None, ...] = (
    None, None, {"kind": "option"}, {"kind": ["perpetual", "future"]}, {"asset_class": "crypto"}, {"risk_group": ["coins", "SPX", "BTC"]},
    {"tenor_days": [0, 60]}, {"option_type": "call"}, {"log_moneyness": [-0.2, 0.5]},
)  # fmt: skip


def with_portfolio_models(book: BookSpec) -> BookSpec:
    """The same book; two of its four models are of kind portfolio, and markets have the columns that such models look at."""
    random = Random(f"{book.seed}:portfolios")
    for row in book.tables["instruments"]:
        if row["underlying"] in COINS and random.random() < 0.5:
            row["risk_group"] = "coins"
        row["confidence"] = random.choice([None, None, random.random()])
    for row in book.tables["assets"]:
        row["confidence"] = random.choice([None, None, random.random()])
        row["daily_volume"] = random.choice([None, 0.0, 10.0 ** random.uniform(3.0, 7.0)])
    for name in ("by-underlying", "edge"):
        book.margin["models"][name] = portfolio_model(random)
    return book


def portfolio_model(random: Random) -> Row:
    """A random model of kind portfolio."""

    def maybe(key: str, value: Any, chance: float = 0.5) -> Row:
        return {key: value} if random.random() < chance else {}

    rows = [grid_row(random) for _ in range(random.randint(1, 7))]
    model: Row = {
        "kind": "portfolio",
        "grid": [{"name": f"row {number}", **row} for number, row in enumerate(rows)],
        "scan_ranges": [
            {"where": {"risk_group": ["BTC", "coins"]}, "spot": {"down": random.uniform(0.0, 0.3), "up": random.uniform(0.0, 0.6)}, "vol": 0.3},
            {"spot": random.uniform(0.0, 0.2), "vol": random.uniform(0.0, 0.5)},
        ][random.randint(0, 1) :],
        "vol_shift": random.choice(["relative", "absolute"]),
        "skew": {
            "linear": {"base": random.uniform(0.05, 0.3), "slope": random.uniform(-0.05, 0.05)}, "absolute": {"base": random.uniform(0.0, 0.2)},
            "width": 4.0, "static": 0.6, "scale": -0.1, "min_width": 0.01,
        },
        "loss_factor": pair(random, 0.8, 1.5),
        "add_ons": [add_on(random, number) for number in range(random.randint(0, 5))],
        **maybe("vol_term", {"reference_days": 30, "power": 0.3, "power_long": random.choice([None, 0.13]), "min_days": random.choice([1, 10])}),
        **maybe("vol_floor", {"up": random.uniform(0.2, 1.0)}),
        **maybe("expiry_discount", expiry_discount(random)),
        **maybe("loss_factor_depeg", depeg(random), 0.3),
        **maybe("max_loss_cap", True),
        **maybe("breach_at_equality", True, 0.2),
        **maybe("long_option_credit", pair(random, 0.0, 1.0), 0.3),
        **random.choice([{}, {"offsets": offsets(random)}, {"credits": credits_of(random)}, {"correlation": correlation(random)}]),
    }  # fmt: skip
    hedges = random.sample(HELD, random.randint(0, 3))
    if hedges:
        model["hedges"] = random.choice([hedges, {asset: random.choice([None, *GROUPS]) for asset in hedges}])
        model["haircut_and_grid"] = random.random() < 0.5
    return model


def grid_row(random: Random) -> Row:
    """A row of a grid."""
    row: Row = random.choice(
        [{}, {"spot": random.uniform(-0.5, 1.0)}, {"spot": random.uniform(-0.2, 0.2)}, {"scan": random.choice([-1.0, 1.0, 2.0])}]
    )
    row |= random.choice(
        [{}, {"vol": random.uniform(-0.4, 0.6)}, {"vol_scan": random.choice([-1.0, 1.0])}, {"skew": random.choice(["linear", "absolute"])}]
    )
    if random.random() < 0.25:
        row |= random.choice([{"forward": [random.uniform(-0.1, 0.1)]}, {"forward": [0.05, -0.04], "expiries": "losses"}])
    if random.random() < 0.3:
        row |= {"weight": random.uniform(0.0, 1.0), "weight_per_year": random.choice([0.0, random.uniform(0.0, 2.0)])}
    if "expiries" not in row and random.random() < 0.3:
        row["expiries"] = random.choice(["losses", "absolute"])
    return row | ({"discounted": False} if random.random() < 0.2 else {})


def expiry_discount(random: Random) -> Row:
    """Discounts of positive values, sometimes a mark-up of negative ones."""

    def discount(base: float) -> Row:
        return {"base": base, "rate_multiple": random.uniform(0.0, 4.0), "rate_add": random.uniform(0.0, 0.1)}

    return {"positive": discount(0.95), **({"negative": discount(1.02)} if random.random() < 0.5 else {})}


def depeg(random: Random) -> Row:
    """A depeg of a stablecoin that is a little below its peg, or not at all."""
    return {"asset": random.choice(["USDT", "USDC"]), "threshold": random.choice([0.98, 1.05]), "factor": random.uniform(0.5, 4.0)}


def offsets(random: Random) -> list[Row]:
    """One or two lists of groups."""
    groups = random.sample(GROUPS, 5)
    return [{"groups": groups[:3], "rate": random.random()}, {"groups": groups[3:], "rate": random.random()}][: random.randint(1, 2)]


def credits_of(random: Random) -> list[Row]:
    """Spread credits in order, some of which meet the same group again."""
    return [
        {
            "groups": random.sample(GROUPS, 2), "ratio": random.choice([[1, 1], [2.0, 1.0], [1.0, 30.0]]), "rate": random.random(),
            "same_side": random.random() < 0.2,
        }
        for _ in range(random.randint(1, 6))
    ]  # fmt: skip


def correlation(random: Random) -> Row:
    """A default and some pairs."""
    pairs = [{"groups": groups, "value": random.uniform(-1.0, 1.0)} for groups in (["BTC", "ETH"], ["coins", "SPX"])]
    return {"default": random.uniform(-0.2, 1.0), "pairs": pairs[: random.randint(0, 2)]}


def add_on(random: Random, number: int) -> Row:
    """A line of the requirement."""
    of = random.choice(["notional", "notional", "underlying_notional", "value", "contracts", "delta"])
    net = random.choice(["position", "strike", "expiry", "underlying", "risk_group"])
    line: Row = {"name": f"line {number}", "where": random.choice(FILTERS), "of": of, "net": net, "combine": random.choice(["add", "add", "floor"])}
    if of == "contracts":
        line["amount"] = pair(random, 0.0, 20.0)
        line["of"] = random.choice(["contracts", "units"])
    elif random.random() < 0.7:
        line["rate"] = pair(random, 0.0, 0.1)
    else:
        days = net != "risk_group" and random.random() < 0.5
        first = 0.5 if days else 20_000.0
        line["tiers"] = [
            {"from": 0, "maintenance_rate": 0.01, "initial_rate": 0.02}, {"from": first, "maintenance_rate": 0.03, "initial_rate": 0.05},
            {"from": 3.0 * first, "maintenance_rate": 0.2, "initial_rate": 0.2},
        ]  # fmt: skip
        if days:
            line |= {"basis": "days", "participation": random.choice([0.1, 1.0])}
    if net != "risk_group" and line.get("basis") != "days" and random.random() < 0.25:
        line["part"] = "hedged"
    elif random.random() < 0.4:
        line["side"] = random.choice(["long", "short"])
    if random.random() < 0.25:
        line["confidence_below"] = random.choice([0.5, 1.0])
    if random.random() < 0.2:
        line["depeg"] = depeg(random)
    return line | {"loss_factor": line["combine"] == "add" and random.random() < 0.3}
