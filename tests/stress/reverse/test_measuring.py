"""A book as if there were only some owners, whose accounts are in several blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from stress.small_book import CASH, cash, coin, lot, perpetual, write_run

from stresstest.config import load_run
from stresstest.executors import make_executor
from stresstest.runs.planning import load_rulebook_of
from stresstest.runs.staging import stage
from stresstest.snapshot import blocks
from stresstest.stress.reverse.directions import of_factor, scenarios_at
from stresstest.stress.reverse.measuring import Measurer

pytestmark = pytest.mark.usefixtures("read_here")

SIZES = {"A": (1.0, 2.0, 3.0), "B": (4.0,), "C": (5.0, 6.0)}
"""Contracts at 100 of each owner's accounts, with 10 % of initial margin: at -50 % an account loses 40 a contract beyond it."""


def test_some_owners_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_POOLS", 2)
    names = [(owner, f"{owner}{number}", size) for owner, sizes in SIZES.items() for number, size in enumerate(sizes)]
    tables = {
        "accounts": [{"account_id": name, "owner_id": owner} for owner, name, _ in names],
        "assets": [coin("BTC"), CASH],
        "instruments": [perpetual("P", "BTC")],
        "positions": [lot(name, "P", size) for _, name, size in names],
        "collateral": [cash(name, 100.0 * size) for _, name, size in names],
    }
    settings = load_run(write_run(tmp_path / "files", tables, [{"id": "dip", "shocks": [{"factor": "spot:BTC", "relative": -0.1}]}]))
    rulebook = load_rulebook_of(settings)
    book = stage(settings, rulebook, tmp_path, ours=True)
    assert book.blocks == 3
    codes = {name: code for code, name in enumerate(book.dimensions.owners["owner_id"].to_list())}
    half = scenarios_at([(of_factor("spot:BTC", -1, None), 0.5)])
    with make_executor("threads", 2) as executor:
        measurer = Measurer(book, rulebook, executor)
        losses = {name: 40.0 * sum(sizes) for name, sizes in SIZES.items()}
        for chosen in ("ABC", "AC", "A", "C", "B", ""):
            expected = sorted((losses[name] for name in chosen), reverse=True)
            found = measurer.whole_book(half, owners=np.array([codes[name] for name in chosen], dtype=np.int32))
            assert found.owner_loss[: len(chosen), 1] == pytest.approx(expected)
            assert not found.owner_loss[len(chosen) :, 1].any()
