"""Make a book of options under a portfolio model: snapshot, margin file, run file and a scenario set, from a seed.

    python -m benchmarks.make_option_book OUT --positions 2000000 --accounts 100000 --options 5000 --scenarios 100

European options on ten underlyings, ten expiries and both types at every strike; every account trades in up to three underlyings, holds
dollars and two coins that hedge, and is margined by a grid of 24 rows (Paradex's published prices, vols and weights) with two add-ons.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.special import ndtr

from benchmarks.make_book import AS_OF, names, write

UNDERLYINGS, EXPIRIES, MOST_UNDERLYINGS = 10, 10, 3
CORE, TAILS = (-0.12, -0.08, -0.04, 0.0, 0.04, 0.08, 0.12), (-0.66, -0.33, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0)
VOL_UP, VOL_DOWN = 0.40, -0.22

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class OptionSize:
    """How large the book is."""

    positions: int
    accounts: int
    options: int
    scenarios: int
    seed: int


def grid() -> list[dict[str, float]]:
    """Paradex's 24 rows: 16 of the core, 8 extreme ones whose P&L counts 16 % over the size of the move."""
    core = [{"spot": spot, "vol": vol} for spot in CORE for vol in (VOL_UP, VOL_DOWN)]
    core += [{"spot": spot, "vol": VOL_UP} for spot in (-0.16, 0.16)]
    return core + [{"spot": spot, "vol": VOL_UP, "weight": 0.16 / abs(spot)} for spot in TAILS]


@dataclass(frozen=True)
class Chain:
    """Options as arrays: underlying, call (else put), strike, days to expiry, vol; and the price of every underlying."""

    underlying: npt.NDArray[np.int64]
    call: npt.NDArray[np.bool_]
    strike: Floats
    days: Floats
    vol: Floats
    spot: Floats

    def prices(self) -> Floats:
        """Black-76 at forwards equal to spot, no rate."""
        forward = self.spot[self.underlying]
        deviation = self.vol * np.sqrt(self.days / 365.0)
        up = np.log(forward / self.strike) / deviation + 0.5 * deviation
        calls = forward * ndtr(up) - self.strike * ndtr(up - deviation)
        found: Floats = np.where(self.call, calls, calls - forward + self.strike)
        return found


def chain(size: OptionSize) -> Chain:
    """The options of the book."""
    rng = np.random.default_rng(size.seed)
    spot = np.exp(rng.uniform(np.log(10.0), np.log(50_000.0), UNDERLYINGS))
    number = np.arange(size.options)
    underlying, rest = number % UNDERLYINGS, number // UNDERLYINGS
    expiry, rest = rest % EXPIRIES, rest // EXPIRIES
    days = np.array([2.0, 7.0, 14.0, 30.0, 60.0, 90.0, 120.0, 180.0, 270.0, 365.0])[expiry]
    strikes = max(1, size.options // (2 * UNDERLYINGS * EXPIRIES))
    place = (rest // 2 + 0.5) / strikes * 2.0 - 1.0
    strike = spot[underlying] * np.exp(0.9 * place * np.sqrt(days / 365.0))
    return Chain(underlying, rest % 2 == 0, strike, days, 0.6 + 0.2 * place**2, spot)


def make_snapshot(folder: Path, size: OptionSize) -> None:
    """Write accounts, positions, collateral, instruments and assets."""
    rng = np.random.default_rng(size.seed + 1)
    folder.mkdir(parents=True, exist_ok=True)
    options = chain(size)
    coins = [f"COIN{u}" for u in range(UNDERLYINGS)]
    write(
        folder,
        "assets",
        {
            "asset": pa.array([*coins, "USD"]),
            "price": pa.array([*options.spot, 1.0]),
            "asset_class": pa.array(["crypto"] * UNDERLYINGS + ["cash"]),
            "collateral_schedule": pa.array(["coin"] * UNDERLYINGS + [None]),
        },
    )
    ids = pa.array([f"{coins[u]}-{d:.0f}D-{k:.6g}-{'C' if c else 'P'}-{n}" for n, (u, d, k, c) in enumerate(
        zip(options.underlying, options.days, options.strike, options.call, strict=True))])  # fmt: skip
    write(
        folder,
        "instruments",
        {
            "instrument_id": ids,
            "kind": pa.array(["option"] * size.options),
            "underlying": pa.array([coins[u] for u in options.underlying]),
            "quote": pa.array(["USD"] * size.options),
            "mark_price": pa.array(options.prices()),
            "expiry": pa.array([AS_OF + timedelta(days=float(d)) for d in options.days], pa.timestamp("us", "UTC")),
            "strike": pa.array(options.strike),
            "option_type": pa.array(["call" if c else "put" for c in options.call]),
        },
    )
    account_ids = names("acct-", size.accounts, 8)
    write(
        folder,
        "accounts",
        {
            "account_id": account_ids.take(rng.permutation(size.accounts)),
            "owner_id": names("owner-", max(1, size.accounts // 5), 7).take(rng.integers(0, max(1, size.accounts // 5), size.accounts)),
        },
    )
    account = rng.integers(0, size.accounts, size.positions)
    traded = rng.integers(0, UNDERLYINGS, (size.accounts, MOST_UNDERLYINGS))
    underlying = traded[account, rng.integers(0, MOST_UNDERLYINGS, size.positions)]
    option = rng.integers(0, size.options // UNDERLYINGS, size.positions) * UNDERLYINGS + underlying
    notional = np.exp(rng.uniform(np.log(1_000.0), np.log(200_000.0), size.positions))
    quantity = np.where(rng.random(size.positions) < 0.5, 1.0, -1.0) * notional / options.spot[options.underlying[option]]
    write(folder, "positions", {"account_id": account_ids.take(account), "instrument_id": ids.take(option), "quantity": pa.array(quantity)})
    gross = np.bincount(account, weights=notional, minlength=size.accounts)
    value = np.maximum(gross, 1_000.0) * np.exp(rng.uniform(np.log(0.05), np.log(0.60), size.accounts))
    split = rng.dirichlet((3.0, 1.5, 1.0), size.accounts)
    held = np.concatenate([value * split[:, 0], value * split[:, 1] / options.spot[0], value * split[:, 2] / options.spot[1]])
    shuffle = rng.permutation(3 * size.accounts)
    write(
        folder,
        "collateral",
        {
            "account_id": account_ids.take(shuffle % size.accounts),
            "asset": pa.array(["USD", coins[0], coins[1]]).take(shuffle // size.accounts),
            "quantity": pa.array(held[shuffle]),
        },
    )
    (folder / "snapshot.json").write_text(json.dumps({"as_of": AS_OF.isoformat(), "reporting_currency": "USD"}) + "\n", encoding="utf-8")


def make_scenarios(folder: Path, size: OptionSize) -> None:
    """Write moves of every price (a common factor and noise) and of all vols together."""
    rng = np.random.default_rng(size.seed + 2)
    common = rng.standard_normal((size.scenarios, 1))
    moves = np.expm1(0.12 * (0.8 * common + 0.6 * rng.standard_normal((size.scenarios, UNDERLYINGS))))
    vols = np.exp(0.25 * rng.standard_normal((size.scenarios, 1)) - 0.3 * np.minimum(common, 0.0)) - 1.0
    factors = [*(f"spot:COIN{u}" for u in range(UNDERLYINGS)), "vol:*"]
    scenario, place = np.repeat(np.arange(size.scenarios), len(factors)), np.tile(np.arange(len(factors)), size.scenarios)
    shocks = {
        "scenario_id": names("mc-", size.scenarios, 5).take(scenario),
        "ord": pa.array(place.astype(np.int64)),
        "factor": pa.array(factors).take(place),
        "where": pa.nulls(len(place), pa.string()),
        "shift": pa.repeat("relative", len(place)),
        "value": pa.array(np.concatenate([moves, vols], axis=1).ravel()),
    }
    pq.write_table(pa.table(shocks), folder / "scenarios.parquet")


def make_margin(path: Path) -> None:
    """Write the margin file: the grid, hedging collateral, an add-on and a floor."""
    add_ons = [
        {"name": "gross notional", "of": "underlying_notional", "rate": {"maintenance": 0.0005, "initial": 0.001}},
        {
            "name": "short option minimum", "where": {"kind": "option"}, "net": "strike", "side": "short", "of": "underlying_notional",
            "rate": {"maintenance": 0.005, "initial": 0.01}, "combine": "floor",
        },
    ]  # fmt: skip
    model = {
        "kind": "portfolio",
        "grid": grid(),
        "vol_term": {"reference_days": 30, "power": 0.30, "power_long": 0.13, "min_days": 1},
        "loss_factor": {"maintenance": 1.0, "initial": 1.25},
        "hedges": ["COIN0", "COIN1"],
        "add_ons": add_ons,
    }
    haircuts = {"coin": {"bands": [{"from": 0, "haircut": 0.1}]}}
    document = {"version": 1, "collateral_schedules": haircuts, "models": {"default": model}}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")  # JSON is YAML


def make_option_book(folder: Path, size: OptionSize) -> Path:
    """Write everything a run needs into `folder`; the run file's path."""
    make_snapshot(folder / "snapshot", size)
    make_scenarios(folder, size)
    make_margin(folder / "margin.yaml")
    run = folder / "run.yaml"
    settings = {"version": 1, "snapshot": "snapshot", "scenarios": ["scenarios.parquet"], "margin": "margin.yaml", "keep": "worst",
                "output": {"folder": "runs", "formats": ["json"]}}  # fmt: skip
    run.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    return run


def main() -> None:
    """Read the command line and make the book."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--positions", type=int, default=2_000_000)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--options", type=int, default=5_000)
    parser.add_argument("--scenarios", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = vars(parser.parse_args())
    make_option_book(options.pop("folder"), OptionSize(**options))


if __name__ == "__main__":
    main()
