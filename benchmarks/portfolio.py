"""Options under a portfolio model: a whole run, beside the same job in NumPy and the same prices in a QuantLib loop, each on a stated fraction.

    python -m benchmarks.portfolio            # 2,000,000 positions, 100,000 accounts, 5,000 options, 100 scenarios x 24 rows
    python -m benchmarks.portfolio --quick    # a hundredth of the positions and accounts, a tenth of the options

NumPy answers the total margin shortfall of some scenarios, which must agree with ours to 1e-6; QuantLib prices every n-th option state, which
is all that it does.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import QuantLib

from benchmarks import make_option_book as making
from benchmarks.runs import WholeRun, whole_run
from stresstest.results.store import read_table

Floats = npt.NDArray[np.float64]
ROOT = Path(__file__).parents[1]
FULL = making.OptionSize(positions=2_000_000, accounts=100_000, options=5_000, scenarios=100, seed=1)
QUICK = making.OptionSize(positions=20_000, accounts=1_000, options=100, scenarios=20, seed=1)
NUMPY_SCENARIOS = 4
QUANTLIB_SHARE = 1_000
TOLERANCE = 1e-6
TARGET_SECONDS = 8.0


def option_book(folder: Path, size: making.OptionSize) -> Path:
    """The folder of the book, below `folder`; made if it is not there yet."""
    about = repr(sorted(asdict(size).items())).encode() + Path(making.__file__).read_bytes()
    place = folder / f"options-{hashlib.sha256(about).hexdigest()[:12]}"
    if not place.is_dir():
        unfinished = place.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        making.make_option_book(unfinished, size)
        unfinished.rename(place)
    return place


class _Chain:
    """The options of the book with what a state needs, priced by NumPy as the book's maker prices them."""

    def __init__(self, size: making.OptionSize) -> None:
        self.options = making.chain(size)
        self.years = self.options.days / 365.0
        # 30 days over the days to expiry (one at least), to 0.30 below 30 days and 0.13 from there on.
        power = np.where(self.options.days < 30.0, 0.30, 0.13)
        self.term = (30.0 / np.maximum(self.options.days, 1.0)) ** power

    def prices(self, spots: Floats, vols: Floats) -> Floats:
        """At prices of the underlyings and vols of the options."""
        chain = self.options
        return making.Chain(chain.underlying, chain.call, chain.strike, chain.days, vols, spots).prices()


def numpy_shortfalls(folder: Path, size: making.OptionSize, scenarios: int) -> tuple[Floats, float]:
    """Total margin shortfall of the first scenarios, and the seconds that computing them took (reading not counted)."""
    chain = _Chain(size)
    snapshot = folder / "snapshot"
    instruments = pl.read_parquet(snapshot / "instruments.parquet").with_row_index("option")
    accounts = pl.read_parquet(snapshot / "accounts.parquet").sort("account_id").with_row_index("account")
    positions = (
        pl.read_parquet(snapshot / "positions.parquet")
        .join(instruments.select("instrument_id", "option"), on="instrument_id")
        .join(accounts.select("account_id", "account"), on="account_id")
        .group_by("account", "option")
        .agg(pl.col("quantity").sum())
    )
    option, account, quantity = (positions[name].to_numpy() for name in ("option", "account", "quantity"))
    underlying = chain.options.underlying[option]
    order = np.lexsort((option, underlying, account))
    option, account, quantity, underlying = option[order], account[order], quantity[order], underlying[order]
    held = pl.read_parquet(snapshot / "collateral.parquet").join(accounts.select("account_id", "account"), on="account_id")
    balance = np.zeros((making.UNDERLYINGS + 1, size.accounts))
    for place, asset in ((0, "COIN0"), (1, "COIN1"), (making.UNDERLYINGS, "USD")):
        rows = held.filter(pl.col("asset") == asset)
        balance[place, rows["account"].to_numpy()] = rows["quantity"].to_numpy()
    moves = pl.read_parquet(folder / "scenarios.parquet")["value"].to_numpy().reshape(size.scenarios, making.UNDERLYINGS + 1)
    group = account * making.UNDERLYINGS + underlying
    groups, first = np.unique(group, return_index=True)
    # Calls and puts of one strike net before the short option minimum is asked.
    strike = np.unique(np.stack([group, np.round(chain.options.days[option], 3), chain.options.strike[option]]), axis=1, return_inverse=True)[1]
    started = time.perf_counter()
    short = np.maximum(0.0, -np.bincount(strike, weights=quantity))
    short_of_group = np.bincount(group[np.unique(strike, return_index=True)[1]], weights=short, minlength=size.accounts * making.UNDERLYINGS)
    gross = np.bincount(group, weights=np.abs(quantity), minlength=size.accounts * making.UNDERLYINGS)
    totals = []
    for scenario in range(scenarios):
        spots, vols = chain.options.spot * (1.0 + moves[scenario, :-1]), chain.options.vol * (1.0 + moves[scenario, -1])
        base = chain.prices(spots, vols)
        coins = balance[: making.UNDERLYINGS] * spots[:, None]
        worst = np.zeros(size.accounts * making.UNDERLYINGS)
        for row in making.grid():
            moved = chain.prices(spots * (1.0 + row["spot"]), vols * (1.0 + row["vol"] * chain.term)) - base
            profit = coins.T.ravel() * row["spot"]
            profit[groups] += np.add.reduceat(quantity * moved[option], first)
            np.minimum(worst, row.get("weight", 1.0) * profit, out=worst)
        per_group = np.maximum(-worst, 0.005 * short_of_group * np.tile(spots, size.accounts)) + 0.0005 * gross * np.tile(spots, size.accounts)
        requirement = per_group.reshape(size.accounts, making.UNDERLYINGS).sum(axis=1)
        value = np.bincount(account, weights=quantity * base[option], minlength=size.accounts)
        totals.append(np.maximum(0.0, requirement - coins.sum(axis=0) - balance[-1] - value).sum())
    return np.array(totals), time.perf_counter() - started


def quantlib_seconds(size: making.OptionSize, share: int) -> tuple[int, float]:
    """Option states priced one by one by QuantLib's Black formula, every `share`-th of all, and the seconds that took."""
    chain = making.chain(size)
    states = size.options * (size.scenarios + 1) * (len(making.grid()) + 1)
    numbers = np.arange(0, states, share) % size.options
    calls = [(QuantLib.Option.Call if chain.call[n] else QuantLib.Option.Put, float(chain.strike[n]), float(chain.spot[chain.underlying[n]]),
              float(chain.vol[n] * np.sqrt(chain.days[n] / 365.0))) for n in numbers]  # fmt: skip
    started = time.perf_counter()
    for kind, strike, forward, deviation in calls:
        QuantLib.blackFormula(kind, strike, forward, deviation)
    return len(calls), time.perf_counter() - started


def report(size: making.OptionSize, run: WholeRun, folder: Path, repeats: bool) -> str:
    """What was measured, as text; raises where NumPy and we do not agree."""
    theirs, seconds = numpy_shortfalls(folder, size, NUMPY_SCENARIOS)
    ours = read_table(run.folder, "scenario_summary").filter(family="hypothetical").sort("scenario_id")["margin_shortfall"].to_numpy()
    difference = float((np.abs(theirs - ours[:NUMPY_SCENARIOS]) / ours[:NUMPY_SCENARIOS]).max())
    if not difference <= TOLERANCE:
        raise RuntimeError(f"NumPy and stresstest differ by {difference:.3g}")
    rows = len(making.grid())
    compute = run.stages["valuation"] + run.stages["stress"]
    states = size.positions * size.scenarios * rows
    priced, priced_seconds = quantlib_seconds(size, QUANTLIB_SHARE)
    option_states = size.options * (size.scenarios + 1) * (rows + 1)
    target = f"; asked: below {TARGET_SECONDS:.0f} s, {'met' if run.seconds < TARGET_SECONDS else 'missed'}" if repeats else ""
    numpy_all, quantlib_all = seconds * size.scenarios / NUMPY_SCENARIOS, priced_seconds * option_states / priced
    book = (
        f"{size.positions:,} option positions in {size.accounts:,} accounts over {size.options:,} options, {size.scenarios} scenarios x {rows} rows,"
    )
    stages = ", ".join(f"{name} {value:.2f} s" for name, value in run.stages.items())
    by_numpy = f"{NUMPY_SCENARIOS} of {size.scenarios} scenarios, agrees to {difference:.1e}"
    by_quantlib = f"1/{QUANTLIB_SHARE:,} of {option_states:,} option states, prices alone"
    return f"""\
{book}
hedging collateral in the grid, an add-on, a floor of short options net by strike
whole run          {run.seconds:8.2f} s, {run.peak_memory / 1e9:.2f} GB{target}
by stages          {stages}
valuing, scanning  {compute:8.2f} s: {states / compute / 1e9:.2f}e9 position x scenario x row a second
NumPy, one core    {seconds:8.2f} s for {by_numpy}; all {numpy_all:,.0f} s, {numpy_all / compute:,.0f} x
QuantLib loop      {priced_seconds:8.2f} s for {by_quantlib}; all {quantlib_all:,.0f} s, {quantlib_all / compute:,.1f} x"""


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.portfolio", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a hundredth of the positions and accounts, fewer options and scenarios")
    parser.add_argument("--books", type=Path, default=ROOT / "build" / "benchmarks", help="where the books are made and kept")
    options = parser.parse_args()
    size = QUICK if options.quick else FULL
    folder = option_book(options.books, size)
    run = whole_run(folder, folder / "scenarios.parquet", 1 if options.quick else 3, warm=not options.quick)
    print(report(size, run, folder, not options.quick))


if __name__ == "__main__":
    main()
