"""The shocks of a scenario in words: what moves, by how much, the largest first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from stresstest.report.shocks import largest_shocks, shock_text, shock_words

SPACE, MINUS = "\N{NO-BREAK SPACE}", "\N{MINUS SIGN}"


def shock(factor: str, shift: str, value: float, annualised: bool = False, **where: Any) -> dict[str, Any]:
    return {"factor": factor, "where": json.dumps(where) if where else None, "shift": shift, "value": value, "annualised": annualised}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (shock("spot:BTC", "relative", -0.3717), f"BTC {MINUS}37.2{SPACE}%"),
        (shock("spot:*", "relative", -0.3), f"all prices {MINUS}30{SPACE}%"),
        (shock("spot:*", "relative", 0.15, asset_class=["crypto"]), f"crypto +15{SPACE}%"),
        (shock("spot:WTI", "replace", -37.63), f"WTI to {MINUS}37.63"),
        (shock("spot:WTI", "absolute", -5.0), f"WTI {MINUS}5"),
        (shock("vol:*", "absolute", 0.2157, asset_class=["equity"]), f"equity vol +21.6{SPACE}points"),
        (shock("vol:*", "relative", 0.8, asset_class=["crypto"], tenor_days=[0, 90]), f"crypto 0 to 90 days vol +80{SPACE}%"),
        (shock("vol:*", "relative", 0.8, tenor_days=[None, 90]), f"up to 90 days vol +80{SPACE}%"),
        (shock("rate:USD", "absolute", 0.0006), f"USD rate +6{SPACE}bp"),
        (shock("rate:USD", "replace", 0.02), f"USD rate to 2{SPACE}%"),
        (shock("basis:*", "absolute", -0.05, kind=["perpetual"]), f"perpetual basis {MINUS}5{SPACE}%"),
        (shock("basis:*", "absolute", 0.1, annualised=True, kind=["future"]), f"future basis +10{SPACE}% a year"),
        (shock("collateral:USDC", "relative", -0.12), f"USDC as collateral {MINUS}12{SPACE}%"),
        (shock("haircut:*", "absolute", 0.15, asset_class=["crypto", "staked"]), f"crypto or staked haircut +15{SPACE}points"),
        (shock("holding:*", "replace", 0.0, location=["bridge-x"]), f"all held at bridge-x to 0{SPACE}%"),
        (shock("margin_rate:*", "scale", 1.5), "all margin rate \N{MULTIPLICATION SIGN}1.5"),
        (shock("depth:*", "scale", 0.5), "all depth \N{MULTIPLICATION SIGN}0.5"),
        (shock("spot:*", "relative", -0.1, not_tags=["major"]), f"all but major {MINUS}10{SPACE}%"),
        (shock("spot:*", "relative", -0.1, asset=["A", "B", "C", "D", "E"]), f"A and 4 more {MINUS}10{SPACE}%"),
        (
            shock("spot:*", "absolute", -9.0, asset_class=["commodity"], may_be_negative=True, not_asset=["NG"]),
            f"commodity that may be negative {MINUS}9",
        ),
        (shock("spot:*", "relative", -0.1, may_be_negative=False, asset_class=["commodity"]), f"commodity {MINUS}10{SPACE}%"),
        (shock("spot:*", "relative", -0.1, tags=["a\u202eb"]), f"a\\u202eb {MINUS}10{SPACE}%"),
    ],
)
def test_a_shock_in_words(given: dict[str, Any], text: str) -> None:
    assert shock_text(given) == text


def test_the_largest_come_first_whatever_their_kind_and_the_rest_is_counted(tmp_path: Path) -> None:
    shocks = [
        shock("rate:USD", "absolute", 0.002),  # a tenth of 200 basis points
        shock("spot:BTC", "relative", -0.45),  # one and a half times 30 %
        shock("spot:WTI", "replace", -37.63),  # a level counts as one severe move
        shock("vol:BTC", "relative", 0.8),  # 0.8 times a doubling
        shock("holding:*", "replace", 0.0, location=["x"]),  # everything there is lost: one, and after WTI in the file
        shock("collateral:USDC", "relative", -0.03),
        shock("margin_rate:*", "scale", 1.6),  # 1.2 times half as much again
    ]
    (tmp_path / "inputs").mkdir()
    rows = [{"scenario_id": "s", **each} for each in shocks] + [{"scenario_id": "other", **shocks[0]}]
    pl.DataFrame(rows).write_parquet(tmp_path / "inputs" / "scenarios.parquet")
    assert shock_words(tmp_path, ["s", "none"]) == {
        "s": f"BTC {MINUS}45{SPACE}% · all margin rate \N{MULTIPLICATION SIGN}1.6 · WTI to {MINUS}37.63 · all held at x to 0{SPACE}% "
        f"· BTC vol +80{SPACE}% · 2 more"
    }


def test_equal_words_are_said_once() -> None:
    assert largest_shocks([shock("spot:*", "relative", -0.1, tags=["a"])] * 2, of=2) == f"a {MINUS}10{SPACE}%"


def test_shocks_that_match_nothing_in_the_book_are_neither_named_nor_counted(tmp_path: Path) -> None:
    (tmp_path / "inputs").mkdir()
    shocks = [shock("spot:SPX", "relative", -0.9), shock("spot:BTC", "relative", -0.3), shock("spot:XAU", "relative", 0.5)]
    rows = [{"scenario_id": name, "ord": place, **each} for name in ("s", "t") for place, each in enumerate(shocks)]
    pl.DataFrame(rows, schema_overrides={"ord": pl.Int32}).write_parquet(tmp_path / "inputs" / "scenarios.parquet")
    nothing = {"scenario_id": ["s", "s", "t", "t", "t"], "ord": [0, 2, 0, 1, 2]}
    pl.DataFrame(nothing, schema_overrides={"ord": pl.Int32}).write_parquet(tmp_path / "inputs" / "unmatched_shocks.parquet")
    assert shock_words(tmp_path, ["s", "t"]) == {"s": f"BTC {MINUS}30{SPACE}%"}
