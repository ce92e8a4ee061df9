"""Make a book of any size for benchmarks: snapshot, margin file, run file and a scenario set, from a seed.

    python -m benchmarks.make_book OUT --positions 1000000 --accounts 100000 --scenarios 1000

Perpetuals and dated futures on correlated underlyings; five marginal margin tiers that 60 / 20 / 10 / 7 / 3 % of the
positions reach (`--last-tier`: all reach the fifth; `--crash`: and one scenario takes every price down 99.9 %, so that each
position goes through all of them); three collateral rows an account, under banded haircuts. Rows are in random order, so that
nothing in the file helps the reader to sort or to join. `scenarios.parquet` is the set that the run file names;
`scenarios_10.parquet` and `scenarios_100.parquet` are its first 10 and 100 scenarios.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

AS_OF = datetime(2026, 11, 20, 8, tzinfo=UTC)
TIER_EDGES = (0.0, 25_000.0, 100_000.0, 400_000.0, 1_600_000.0)
TIER_RATES = (0.004, 0.006, 0.010, 0.020, 0.050)
TIER_SHARES = (0.60, 0.20, 0.10, 0.07, 0.03)
LARGEST_NOTIONAL = 6_400_000.0
ROW_GROUP = 122_880
"""What DuckDB and Polars write about; one row group is the reader's unit of parallel work."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Size:
    """How large the book is."""

    positions: int
    accounts: int
    instruments: int
    scenarios: int
    seed: int
    last_tier: bool = False
    crash: bool = False

    @property
    def underlyings(self) -> int:
        """Ten instruments an underlying: one perpetual and nine dated futures."""
        return max(2, self.instruments // 10)


def names(prefix: str, count: int, width: int) -> pa.Array:
    """`count` strings such as acct-0000017, built in Arrow because a Python list of millions is slow."""
    digits = np.char.zfill(np.arange(count).astype(f"U{width}"), width)
    return pa.array(np.char.add(prefix, digits))


def write(folder: Path, name: str, columns: dict[str, pa.Array]) -> None:
    """Write one table of the snapshot as one Parquet file."""
    pq.write_table(pa.table(columns), folder / f"{name}.parquet", row_group_size=ROW_GROUP)


def position_notionals(rng: np.random.Generator, size: Size) -> Floats:
    """Absolute notional of every position, log-uniform inside the tier that it reaches."""
    last = len(TIER_EDGES) - 1
    tier = np.full(size.positions, last) if size.last_tier else rng.choice(len(TIER_EDGES), size.positions, p=TIER_SHARES)
    low = np.array([500.0, *TIER_EDGES[1:]])[tier] * 1.02
    high = np.array([*TIER_EDGES[1:], LARGEST_NOTIONAL])[tier] * 0.98
    notional: Floats = np.exp(rng.uniform(np.log(low), np.log(high)))
    return notional


def make_snapshot(folder: Path, size: Size) -> None:
    """Write accounts, positions, collateral, instruments and assets."""
    rng = np.random.default_rng(size.seed)
    folder.mkdir(parents=True, exist_ok=True)

    coins = [f"COIN{u:04d}" for u in range(size.underlyings)]
    price = np.exp(rng.uniform(np.log(0.05), np.log(5_000.0), size.underlyings))
    price[0], price[1] = 90_000.0, 3_200.0
    write(
        folder,
        "assets",
        {
            "asset": pa.array([*coins, "USDC", "USD"]),
            "price": pa.array([*price, 1.0, 1.0]),
            "asset_class": pa.array(["crypto"] * (size.underlyings + 1) + ["cash"]),
            "collateral_schedule": pa.array(["major", "minor"] + [None] * (size.underlyings - 2) + ["usdc", None]),
            "tags": pa.array([[]] * size.underlyings + [["stablecoin"], []], pa.list_(pa.string())),
        },
    )

    underlying = np.arange(size.instruments) % size.underlyings
    tenor = np.arange(size.instruments) // size.underlyings
    mark = price[underlying] * (1.0 + 0.002 * tenor)
    instrument_ids = [f"{coins[u]}-PERP" if t == 0 else f"{coins[u]}-M{t:02d}" for u, t in zip(underlying, tenor, strict=True)]
    write(
        folder,
        "instruments",
        {
            "instrument_id": pa.array(instrument_ids),
            "kind": pa.array(["perpetual" if t == 0 else "future" for t in tenor]),
            "underlying": pa.array([coins[u] for u in underlying]),
            "quote": pa.array(["USDC"] * size.instruments),
            "mark_price": pa.array(mark),
            "expiry": pa.array([None if t == 0 else AS_OF + timedelta(days=30 * int(t)) for t in tenor], pa.timestamp("us", "UTC")),
            "margin_schedule": pa.array(["five_tiers"] * size.instruments),
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
    instrument = rng.integers(0, size.instruments, size.positions)
    notional = position_notionals(rng, size)
    side = np.where(rng.random(size.positions) < 0.5, 1.0, -1.0)
    write(
        folder,
        "positions",
        {
            "account_id": account_ids.take(account),
            "instrument_id": pa.array(instrument_ids).take(instrument),
            "quantity": pa.array(side * notional / mark[instrument]),
            "entry_price": pa.array(mark[instrument] * (1.0 + rng.normal(0.0, 0.02, size.positions))),
        },
    )

    # Collateral of 20 to 200 % of the gross notional: all accounts are fine at base, one in 2,000 falls short in the median scenario and one in 20
    # in the worst.
    gross = np.bincount(account, weights=notional, minlength=size.accounts)
    value = np.maximum(gross, 1_000.0) * np.exp(rng.uniform(np.log(0.20), np.log(2.00), size.accounts))
    split = rng.dirichlet((3.0, 1.5, 1.0), size.accounts)
    quantity = np.concatenate([value * split[:, 0], value * split[:, 1] / price[0], value * split[:, 2] / price[1]])
    shuffle = rng.permutation(3 * size.accounts)
    write(
        folder,
        "collateral",
        {
            "account_id": account_ids.take(shuffle % size.accounts),
            "asset": pa.array(["USDC", coins[0], coins[1]]).take(shuffle // size.accounts),
            "quantity": pa.array(quantity[shuffle]),
        },
    )
    (folder / "snapshot.json").write_text(json.dumps({"as_of": AS_OF.isoformat(), "reporting_currency": "USD"}) + "\n", encoding="utf-8")


CUTS = (10, 100)
"""Scenarios of the smaller sets, for what would take too long on all of them."""


def make_scenarios(folder: Path, size: Size) -> None:
    """Write spot moves of one common factor plus noise, daily vol 4 %, over a horizon of ten days."""
    rng = np.random.default_rng(size.seed + 1)
    common = rng.standard_normal((size.scenarios, 1))
    own = rng.standard_normal((size.scenarios, size.underlyings))
    moves = np.expm1(0.04 * np.sqrt(10.0) * (0.8 * common + 0.6 * own))
    if size.crash:
        moves[0] = -0.999
    scenario = np.repeat(np.arange(size.scenarios), size.underlyings)
    coin = np.tile(np.arange(size.underlyings), size.scenarios)
    shocks = pa.table(
        {
            "scenario_id": names("mc-", size.scenarios, 5).take(scenario),
            "ord": pa.array(coin.astype(np.int64)),
            "factor": pa.array([f"spot:COIN{u:04d}" for u in range(size.underlyings)]).take(coin),
            "where": pa.nulls(len(scenario), pa.string()),
            "shift": pa.repeat("relative", len(scenario)),
            "value": pa.array(moves.ravel()),
        }
    )
    pq.write_table(shocks, folder / "scenarios.parquet")
    for cut in CUTS:
        if cut < size.scenarios:
            pq.write_table(shocks.slice(0, cut * size.underlyings), folder / f"scenarios_{cut}.parquet")


def make_margin(path: Path) -> None:
    """Write the margin file: five marginal tiers, banded haircuts."""

    def bands(*pairs: tuple[float, float, float]) -> dict[str, object]:
        return {
            "bands": [{"from": start, "haircut": h, "initial_haircut": i} for start, h, i in pairs],
            "liability_weight": {"maintenance": 1.05, "initial": 1.1},
        }

    document = {
        "version": 1,
        "collateral_schedules": {
            "usdc": bands((0.0, 0.0, 0.01), (1_000_000.0, 0.01, 0.02), (10_000_000.0, 0.05, 0.08)),
            "major": bands((0.0, 0.05, 0.08), (250_000.0, 0.10, 0.15), (2_500_000.0, 0.30, 0.40)),
            "minor": bands((0.0, 0.08, 0.12), (100_000.0, 0.20, 0.25), (1_000_000.0, 0.50, 0.60)),
        },
        "margin_schedules": {
            "five_tiers": {
                "convention": "marginal",
                "tiers": [
                    {"from": edge, "maintenance_rate": rate, "initial_rate": 2.0 * rate} for edge, rate in zip(TIER_EDGES, TIER_RATES, strict=True)
                ],
            }
        },
        "models": {"default": {"kind": "tiered", "net_by": "instrument"}},
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")  # JSON is YAML


def make_book(folder: Path, size: Size) -> Path:
    """Write everything a run needs into `folder`; the run file's path."""
    make_snapshot(folder / "snapshot", size)
    make_scenarios(folder, size)
    make_margin(folder / "margin.yaml")
    run = folder / "run.yaml"
    run.write_text(
        json.dumps(
            {
                "version": 1,
                "snapshot": "snapshot",
                "scenarios": ["scenarios.parquet"],
                "margin": "margin.yaml",
                "keep": "worst",
                "output": {"folder": "runs", "formats": ["json"]},
            },
            indent=1,
        )
        + "\n",
        encoding="utf-8",
    )
    return run


def main() -> None:
    """Read the command line and make the book."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--positions", type=int, default=1_000_000)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--instruments", type=int, default=2_000)
    parser.add_argument("--scenarios", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--last-tier", action="store_true", help="every position reaches the last tier")
    parser.add_argument("--crash", action="store_true", help="one scenario takes every price down 99.9 percent")
    options = vars(parser.parse_args())
    make_book(options.pop("folder"), Size(**options))


if __name__ == "__main__":
    main()
