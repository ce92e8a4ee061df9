"""Which instruments are held under which margin model."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.margin.compile_scan import portfolio_models_in_use
from stresstest.margin.rulebook import Rulebook
from stresstest.snapshot.book import Book
from stresstest.snapshot.stage import load_block

Codes = npt.NDArray[np.int32]


def held_by_model(book: Book, rulebook: Rulebook) -> dict[str, Codes]:
    """By portfolio model that accounts have: codes of the instruments that they hold or have open orders in, ascending.

    A portfolio model revalues instruments in every row of its grid on top of every scenario, the dearest valuation of a run. Reads two columns of
    every block, and nothing where no account has such a model.
    """
    models = tuple(portfolio_models_in_use(book.dimensions, rulebook))
    if not models:
        return {}
    instruments = book.dimensions.instruments.height
    place = {name: number for number, name in enumerate(models)}
    # One column more than there are models takes what is held under others.
    model_of = book.dimensions.accounts["margin_model"].replace_strict(place, default=len(models), return_dtype=pl.Int64).to_numpy()
    held = np.zeros((instruments, len(models) + 1), dtype=np.bool_)
    for number in range(book.blocks):
        block = load_block(book, number)
        held[block.instrument, model_of[block.account][block.position_pool]] = True
    return {name: np.flatnonzero(held[:, number]).astype(np.int32) for name, number in place.items()}
