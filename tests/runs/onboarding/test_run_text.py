from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from snapshot.books import AS_OF, LATER, small_book, write_tables

from stresstest.runs.onboarding.run_text import frame
from stresstest.snapshot.survey import survey


def framed(folder: Path, *more: dict[str, Any], **assets: dict[str, Any]) -> Any:
    tables = small_book()
    tables["assets"] += more
    for row in tables["assets"]:
        row.update(assets.get(row["asset"], {}))
    return frame(survey(str(write_tables(folder, tables))))


def test_the_moment_is_that_of_the_latest_price(tmp_path: Path):
    found = framed(tmp_path, BTC={"price_time": AS_OF})
    assert found.as_of == AS_OF
    assert found.guessed["as_of"] == "the moment of the snapshot; this is its latest price_time"


def test_nothing_held_has_expired_at_the_moment_guessed(tmp_path: Path):
    assert framed(tmp_path / "a", BTC={"price_time": LATER}).as_of == datetime(2026, 3, 26, 8, tzinfo=UTC)
    assert framed(tmp_path / "b").as_of < LATER  # the files were written just now, after it


@pytest.mark.parametrize(
    ("more", "assets", "currency", "why"),
    [
        ([], {}, "USD", "prices refer to it and assets do not list it"),
        ([], {"ETH": {"price_currency": "EUR"}}, "USD", "prices refer to it and assets do not list it"),  # so is EUR; only one can be meant
        ([{"asset": "USD", "price": 1.0, "asset_class": "cash"}], {}, "USD", "listed with price 1"),  # and so is USDC, which is less usual
        ([{"asset": "USD", "price": 1.1, "asset_class": "cash"}], {"USDC": {"asset_class": "crypto"}}, "EUR", "nothing in the snapshot says which"),
    ],
)
def test_the_currency_is_the_likeliest(tmp_path: Path, more: list[dict[str, Any]], assets: dict[str, Any], currency: str, why: str):
    found = framed(tmp_path, *more, **assets)
    assert (found.reporting_currency, found.guessed["reporting_currency"]) == (currency, f"the currency of all figures; {why}")
