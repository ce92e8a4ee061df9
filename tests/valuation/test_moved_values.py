"""Moves on top of scenarios: the lean way of European options against the general one, and the same bytes whatever the threads."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product

import numpy as np
import polars as pl
import pytest
from valuation.builders import CRYPTO, OPTION, SHOCKS, black, book, in_years, states

from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.valuation import moved_values
from stresstest.valuation.moved_values import changes
from stresstest.valuation.moves import Changes, Moves, OptionStates
from stresstest.valuation.value import value_instruments

SPOT = np.array([1.0, 0.85, 1.0, 1.3, 0.05, 1.0, 3.0])
FORWARD = np.array([1.0, 1.0, 0.97, 1.02, 1.0, 1.0, 1.0])
VOL = np.array([1.0, 1.4, 1.0, 0.6, 3.0, 0.0, 30.0])


def european_book() -> Dimensions:
    """Calls and puts, paid and margined, in dollars and in coin, an hour to two years to expiry, far in and far out of the money."""
    rows = []
    for number, (sign, inverse, margined, years, strike, vol) in enumerate(
        product((1.0, -1.0), (False, True), (False, True), (1 / 8760, 0.08, 2.0), (20_000.0, 50_000.0, 90_000.0), (0.25, 1.1))
    ):
        mark = black(50_000.0, strike, vol * years**0.5, sign) * (1.0 / 50_000.0 if inverse else 1.0)
        terms = {"instrument_id": f"{number:03}", "strike": strike, "option_type": "call" if sign > 0 else "put", "expiry": in_years(years)}
        coin = {"payoff": "inverse", "quote": "BTC"} if inverse else {"quote": "USDC"}
        style = "margined" if margined else "paid"
        rows.append({**OPTION, **terms, **coin, "forward": 50_000.0, "mark_price": mark, "implied_vol": vol, "premium_style": style})
    return book({**CRYPTO, "USDC": {"price": 1.0, "rate": 0.05}}, rows)


def vols(options: OptionStates) -> np.ndarray:
    return options.vol[:, None, :] * VOL[:, None]


def moved(dimensions: Dimensions, resolved: Resolved) -> Changes:
    count = dimensions.instruments.height
    coin = (dimensions.instruments["quote"] == "BTC").to_numpy()[:, None]
    spot, one = np.tile(SPOT, (count, 1)), np.ones((count, len(SPOT)))
    factors = Moves(underlying=spot, own_price=spot, quote=np.where(coin, spot, one), settle=one, forward=np.tile(FORWARD, (count, 1)), vols=vols)
    return changes(dimensions, resolved, value_instruments(dimensions, resolved), np.arange(count), factors)


def test_the_lean_way_of_european_options_gives_what_the_general_one_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    dimensions = european_book()
    resolved = states(dimensions, *SHOCKS, {"elapsed_years": 0.08})
    lean = moved(dimensions, resolved)
    monkeypatch.setattr(moved_values, "_plain", lambda terms, _: pl.repeat(False, terms.height, eager=True))
    general = moved(dimensions, resolved)
    bitcoin = resolved.value[dimensions.assets["asset"].to_list().index("BTC")]
    scale = np.maximum(bitcoin, 90_000.0) * SPOT.max()
    assert (np.abs(lean.value - general.value) / scale).max() < 1e-14
    assert value_instruments(dimensions, resolved).treatment.count("implied") > 90  # of 144: the others take the general way in both
    assert not lean.value[:, 0].any()
    assert lean.clamped_vols.tolist() == general.clamped_vols.tolist()
    assert lean.clamped_vols.max() > 0
    assert lean.clamped_prices.tolist() == general.clamped_prices.tolist()


def test_blocks_do_not_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    dimensions = european_book()
    resolved = states(dimensions, *SHOCKS)
    whole = moved(dimensions, resolved)
    monkeypatch.setattr(moved_values, "IN_CACHE", 1)
    monkeypatch.setattr(moved_values, "CELLS", 1)
    parts = moved(dimensions, resolved)
    assert whole.value.tobytes() == parts.value.tobytes()
    assert whole.clamped_vols.tolist() == parts.clamped_vols.tolist()


THREADS = """
import hashlib
from valuation.test_moved_values import european_book, moved
from valuation.builders import SHOCKS, states
book = european_book()
found = moved(book, states(book, *(SHOCKS * 50)))
print(hashlib.sha256(found.value.tobytes()).hexdigest())
"""


def test_number_of_threads_does_not_change_a_bit() -> None:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    hashes = []
    for threads in ("1", "3"):
        environment = {**os.environ, "POLARS_MAX_THREADS": threads, "PYTHONPATH": path}
        run = subprocess.run([sys.executable, "-c", THREADS], env=environment, stdout=subprocess.PIPE, text=True, check=True)
        hashes.append(run.stdout.strip())
    assert len(hashes[0]) == 64
    assert hashes[0] == hashes[1]
