"""The driver: exact base, and the same bytes however the work is cut and shared."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from valuation.builders import CRYPTO, SHOCKS, book, in_years, mixed_book, states

from stresstest.valuation.states import VALUES
from stresstest.valuation.value import value_instruments


def test_base_is_exact_to_the_bit() -> None:
    dimensions = mixed_book()
    unit = value_instruments(dimensions, states(dimensions, *SHOCKS, {}))
    marks = dimensions.instruments["mark_price"].to_numpy()
    assert np.array_equal(unit.mark[:, 0], marks)
    assert np.array_equal(unit.mark[:, -1], marks)  # a scenario without shocks is the base


def test_chunks_do_not_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    dimensions = mixed_book()
    resolved = states(dimensions, *SHOCKS)
    whole = value_instruments(dimensions, resolved)
    monkeypatch.setattr("stresstest.valuation.value.CELLS", 1)
    parts = value_instruments(dimensions, resolved)
    assert all(getattr(whole, name).tobytes() == getattr(parts, name).tobytes() for name in VALUES[:5])
    assert whole.clamped_vols.tolist() == parts.clamped_vols.tolist()
    assert whole.clamped_prices == parts.clamped_prices


def test_clamped_vols_are_counted_scenario_by_scenario() -> None:
    # Implied vols are a fraction: times 100 they leave [0, 10] above, less 5 below; a normal vol has no upper end.
    call = {"kind": "option", "underlying": "BTC", "option_type": "call", "strike": 50_000.0, "expiry": in_years(1.0), "mark_price": 8_000.0}
    dimensions = book(CRYPTO, [call | {"instrument_id": "C"}, call | {"instrument_id": "N", "vol_type": "normal"}])
    resolved = states(dimensions, {"vol": {"*": (100.0, 0.0)}}, {"vol": {"*": (0.0, -5.0)}}, {"vol": {"*": (1.1, 0.0)}})
    assert value_instruments(dimensions, resolved).clamped_vols.tolist() == [0, 1, 2, 0]


THREADS = """
import hashlib
from valuation.builders import SHOCKS, mixed_book, states
from stresstest.valuation.value import value_instruments
book = mixed_book()
unit = value_instruments(book, states(book, *(SHOCKS * 500)))
print(hashlib.sha256(b"".join(a.tobytes() for a in (unit.mark, unit.value_slope, unit.forward, unit.base_vol))).hexdigest())
"""


def test_number_of_threads_does_not_change_a_bit() -> None:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", THREADS], env={**os.environ, "POLARS_MAX_THREADS": threads, "PYTHONPATH": path}, stdout=subprocess.PIPE, text=True
        )
        for threads in ("1", "2", "7")
    ]
    hashes = [run.communicate()[0].strip() for run in runs]
    assert len(hashes[0]) == 64
    assert len(set(hashes)) == 1


@pytest.mark.parametrize("instruments", [[], [{"instrument_id": "F", "underlying": "BTC", "mark_price": 50_000.0}]])
def test_book_without_options_or_without_instruments(instruments: list[dict[str, object]]) -> None:
    dimensions = book(CRYPTO, instruments)
    unit = value_instruments(dimensions, states(dimensions, {"spot": {"BTC": 1.0}}))
    assert unit.mark.shape == (len(instruments), 2)
