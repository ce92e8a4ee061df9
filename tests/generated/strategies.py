"""Strategy models on a generated book: chains of options whose legs cover, pair and cancel, with shares beside them."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from generated.market import AS_OF, make_option, price_options
from generated.rules import pair

if TYPE_CHECKING:
    from generated.books import BookSpec
    from oracle.reading import Row

STRIKES = (0.7, 0.85, 1.0, 1.1, 1.4)
FILTERS: tuple[Row | None, ...] = (
    {"option_type": "put"}, {"asset": "BTC"}, {"tenor_days": [20, None]}, {"log_moneyness": [None, 0.0]}, {"asset_class": "crypto"},
)  # fmt: skip


def with_strategies(book: BookSpec) -> BookSpec:
    """The same book with every model of kind strategy, and with lots in chains of two underlyings; nothing in it is refused."""
    random = Random(f"{book.seed}:strategies")
    book.margin["models"] = {name: make_model(random) for name in book.margin["models"]}
    assets = {row["asset"]: row for row in book.tables["assets"]}
    rows: dict[str, Row] = {row["instrument_id"]: row for row in book.tables["instruments"]}
    chains = make_chains(random, assets, book.reporting, rows)
    rows |= chains
    book.tables["instruments"] = list(rows.values())
    accounts = sorted({row["account_id"] for row in book.tables["positions"]})
    for account in accounts:
        for name in random.sample(sorted(chains), random.randint(2, 14)):
            size = chains[name]["contract_size"] or 1.0
            quantity = random.choice([1.0, 2.0, 3.0, 0.5, random.uniform(0.1, 4.0)]) / size * random.choice([1.0, -1.0])
            book.tables["positions"].append({"account_id": account, "instrument_id": name, "quantity": quantity})
    return book


def make_model(random: Random) -> Row:
    """A strategy model; half of them look at whole expiries."""

    def rate() -> Row:
        return {"rate": random.uniform(0.0, 0.25), "minimum": random.uniform(0.02, 0.15), "of_value": random.choice([0.0, 0.075, 0.5])}

    def naked(where: Row | None) -> Row:
        rule: Row = {"maintenance": rate(), "initial": rate(), "base": random.choice(["underlying", "strike"])}
        return rule | ({"initial_multiple": random.uniform(1.0, 1.3)} if random.random() < 0.4 else {}) | ({"where": where} if where else {})

    chosen = random.sample(FILTERS, 2)
    model: Row = {
        "kind": "strategy",
        "recognition": random.choice(["pairs", "expiry_max_loss"]),
        "naked_shorts": [*(naked(where) for where in chosen), naked(None)],
        "long_options": [{"where": where, "rate": pair(random, 0.5, 1.0)} for where in random.sample(FILTERS, 1)],
        "leverage": [{"where": {"asset": "ETH"}, "factor": 2.0}] if random.random() < 0.5 else [],
        "round_to": random.choice([None, 0.01, 5.0]),
        "pnl_into": random.choice(["settle_balance", "value"]),
    }
    if model["recognition"] == "expiry_max_loss":
        model["unpaired_scale"] = pair(random, 1.0, 1.3)
    if random.random() < 0.7:
        model["shares"] = {"long": pair(random, 0.2, 0.5), "short": pair(random, 0.3, 0.5)}
    return model


def make_chains(random: Random, assets: dict[str, Row], reporting: str, others: dict[str, Row]) -> dict[str, Row]:
    """Options on BTC and ETH at few strikes and expiries, some of equal terms in contracts of another size or paid otherwise; and shares."""
    rows: dict[str, Row] = {}
    quotes = [name for name in (reporting, "USDT") if name in assets]
    levels: dict[str, float] = {}
    for underlying in ("BTC", "ETH"):
        for quote in quotes:
            rows[f"{underlying}-SHARES-{quote}"] = {
                "instrument_id": f"{underlying}-SHARES-{quote}", "kind": "spot", "underlying": underlying, "quote": quote, "mark_price": 1.0,
                "contract_size": random.choice([1.0, 10.0]),
            }  # fmt: skip
        for number in range(12):
            name = f"{underlying}-CHAIN-{number}"
            rows[name] = {
                "instrument_id": name, "kind": "option", "underlying": underlying, "quote": random.choice(quotes), "settle": None, "payoff": None,
                "contract_size": random.choice([None, 0.1, 10.0]), "expiry": AS_OF + timedelta(days=random.choice([10.0, 40.0, 300.0])),
                "mark_price": 0.0, "margin_schedule": None,
            }  # fmt: skip
            make_option(random, rows[name])
            rows[name]["vol_type"] = None
            levels[name] = random.choice(STRIKES)
    price_options(random, assets, reporting, {**others, **rows})
    for row in rows.values():
        price = assets[row["underlying"]]["price"]
        if row["kind"] == "spot":
            row["mark_price"] = price
        else:
            # The vol that the mark implies at another strike is not asked for: any mark has its treatment.
            row["strike"] = float(f"{price * levels[row['instrument_id']]:.3g}")
    return rows
