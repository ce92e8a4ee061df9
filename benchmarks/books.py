"""The books that are measured: made once, kept between runs until what makes them changes."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks import make_book
from benchmarks.make_book import Size

SCALE_OF_QUICK = 100
INSTRUMENTS_OF_QUICK = 40
"""Of 2,000: their values in a thousand scenarios are most of what every small run computes."""


def sizes(quick: bool) -> dict[str, Size]:
    """The books by name; with `quick` of a hundredth of the positions and accounts, and a fiftieth of the instruments."""
    of = SCALE_OF_QUICK if quick else 1
    million = Size(positions=1_000_000 // of, accounts=100_000 // of, instruments=INSTRUMENTS_OF_QUICK if quick else 2_000, scenarios=1_000, seed=1)
    return {
        "book": million,
        "last tier": replace(million, last_tier=True),
        "every tier": replace(million, last_tier=True, crash=True),
        "tenfold": replace(million, positions=10 * million.positions, accounts=10 * million.accounts),
    }


def book(folder: Path, size: Size) -> Path:
    """The folder of a book of that size, below `folder`; made if it is not there yet."""
    about = repr(sorted(asdict(size).items())).encode() + Path(make_book.__file__).read_bytes()
    place = folder / f"book-{hashlib.sha256(about).hexdigest()[:12]}"
    if not place.is_dir():
        unfinished = place.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        make_book.make_book(unfinished, size)
        unfinished.rename(place)
    return place
