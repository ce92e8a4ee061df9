"""Snapshots mixed of two days: which side every row and column comes from."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from stresstest.snapshot.frames import Snapshot
from stresstest.snapshot.mixing import MARKET, PARTS, Borrowed, account_ids, mix, same
from stresstest.tables import table


def day(number: int, **tables: pl.DataFrame) -> Snapshot:
    """A day on which every number is that of the day."""
    value = float(number)
    plain = {
        "accounts": pl.DataFrame({"account_id": ["a", "b"], "margin_multiplier": [value, value]}),
        "positions": pl.DataFrame({"account_id": ["a", "b"], "instrument_id": ["I", "I"], "quantity": [value, value]}),
        "collateral": pl.DataFrame({"account_id": ["a", "b"], "asset": ["USD", "USD"], "quantity": [value, value]}),
        "instruments": pl.DataFrame(
            {"instrument_id": ["I"], "kind": ["perpetual"], "underlying": ["X"], "quote": ["USD"], "mark_price": [value], "contract_size": [value]}
        ),
        "assets": pl.DataFrame({"asset": ["USD", "X"], "price": [1.0, value], "duration": [value, value]}),
    }
    return Snapshot({**plain, **tables})


def seen(snapshot: Snapshot) -> dict[str, float]:
    """The day that each part of a mixture is of."""
    return {
        "positions": snapshot["positions"]["quantity"][0],
        "collateral": snapshot["collateral"]["quantity"][0],
        "marks": snapshot["instruments"]["mark_price"][0],
        "prices": snapshot["assets"].filter(asset="X")["price"][0],
        "terms": snapshot["instruments"]["contract_size"][0],
        "durations": snapshot["assets"]["duration"][0],
        "accounts": snapshot["accounts"]["margin_multiplier"][0],
    }


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        ((), {}),
        (("positions",), {"positions": 2.0}),
        (("collateral",), {"collateral": 2.0}),
        (("market",), {"marks": 2.0, "prices": 2.0}),
        (("reference data",), {"terms": 2.0, "durations": 2.0, "accounts": 2.0}),
        (PARTS, dict.fromkeys(seen(day(2)), 2.0)),
    ],
)
def test_every_column_comes_from_the_side_that_its_part_is_of(moved: tuple[str, ...], expected: dict[str, float]):
    mixed = mix(day(1), day(2), moved)
    assert seen(mixed.snapshot) == {**dict.fromkeys(seen(day(1)), 1.0), **expected}
    assert mixed.borrowed == ()


def test_market_columns_are_columns_and_every_other_is_reference_data():
    assert all(set(columns) < set(table(name).names) for name, columns in MARKET.items())
    assert set(table("instruments").names) - set(MARKET["instruments"]) == {
        "instrument_id", "kind", "underlying", "quote", "settle", "payoff", "contract_size", "expiry", "strike", "option_type", "exercise",
        "vol_type", "settlement_averaging_seconds", "premium_style", "risk_group", "margin_schedule", "skew_scale",
    }  # fmt: skip


def test_an_account_comes_and_goes_whole():
    earlier = day(1)
    later = day(
        2,
        accounts=pl.DataFrame({"account_id": ["b", "c"], "margin_multiplier": [2.0, 2.0]}),
        positions=pl.DataFrame({"account_id": ["b", "c"], "instrument_id": ["I", "I"], "quantity": [2.0, 2.0]}),
        collateral=pl.DataFrame({"account_id": ["b", "c"], "asset": ["USD", "USD"], "quantity": [2.0, 2.0]}),
    )
    mixed = mix(earlier, later, ["positions"]).snapshot
    assert account_ids(mixed) == {"b", "c"}
    assert dict(mixed["collateral"].select("account_id", "quantity").iter_rows()) == {"b": 1.0, "c": 2.0}
    assert dict(mixed["accounts"].select("account_id", "margin_multiplier").iter_rows()) == {"b": 1.0, "c": 2.0}


def test_without_accounts_tables_they_are_those_that_are_named():
    earlier, later = (Snapshot({name: frame for name, frame in day(number).items() if name != "accounts"}) for number in (1, 2))
    assert "accounts" not in mix(earlier, later, ["positions"]).snapshot
    told = mix(earlier, day(2), ["positions"]).snapshot["accounts"]
    assert told.sort("account_id")["account_id"].to_list() == ["a", "b"]
    assert "margin_multiplier" not in told.columns or told["margin_multiplier"].null_count() == 2


def test_what_the_one_side_lacks_is_lent_by_the_other_with_all_that_it_refers_to():
    new = pl.DataFrame(
        {
            "instrument_id": ["I", "J"],
            "kind": ["perpetual"] * 2,
            "underlying": ["X", "Y"],
            "quote": ["USD", "USD"],
            "mark_price": [2.0, 7.0],
            "contract_size": [2.0, 2.0],
        }
    )
    assets = pl.DataFrame({"asset": ["USD", "X", "Y", "Z"], "price": [1.0, 2.0, 7.0, 9.0], "price_currency": [None, None, "Z", None]})
    held = pl.DataFrame({"account_id": ["a"], "instrument_id": ["J"], "quantity": [2.0]})
    mixed = mix(day(1), day(2, instruments=new, assets=assets, positions=held), ["positions"])
    assert mixed.borrowed == (Borrowed("instruments", ("J",), later=True), Borrowed("assets", ("Y", "Z"), later=True))
    assert dict(mixed.snapshot["instruments"].select("instrument_id", "mark_price").iter_rows()) == {"I": 1.0, "J": 7.0}
    unheld = mix(day(1), day(2, instruments=new, assets=assets), ["positions"])
    assert unheld.borrowed == ()


def test_the_history_of_factors_is_that_of_the_market():
    days = [day(number, history=pl.DataFrame({"date": [date(2026, 1, number)], "factor": ["spot:X"], "value": [float(number)]})) for number in (1, 2)]
    assert mix(*days, ["positions"]).snapshot["history"] is days[0]["history"]
    assert mix(*days, ["positions", "market"]).snapshot["history"] is days[1]["history"]
    assert not same(days[0], days[0].replace(history=days[1]["history"]))


def test_quotes_follow_the_market():
    gone = day(1, instruments=pl.concat([day(1)["instruments"], day(1)["instruments"].with_columns(instrument_id=pl.lit("OLD"))]))
    mixed = mix(gone, day(2), ["positions", "collateral", "market"]).snapshot
    assert mixed["instruments"].select("instrument_id", "mark_price", "contract_size").rows() == [("I", 2.0, 1.0)]


@pytest.mark.parametrize(("posted", "released"), [("I:long", 0), ("I:short", 1), ("cross", 0), (None, 0)])
def test_collateral_of_a_closed_isolated_pool_is_the_accounts_again(posted: str | None, released: int):
    isolated = pl.DataFrame({"account_id": ["a"], "instrument_id": ["I"], "quantity": [2.0], "margin_mode": ["isolated"], "isolated_margin": [1.0]})
    collateral = pl.DataFrame({"account_id": ["a"], "asset": ["USD"], "quantity": [1.0], "pool_id": pl.Series([posted], dtype=pl.String)})
    mixed = mix(day(1, collateral=collateral), day(2, positions=isolated), ["positions"])
    assert mixed.released == released
    assert mixed.snapshot["collateral"]["pool_id"].to_list() == (["cross"] if released else [posted])


def test_the_same_is_the_same_whatever_the_order_types_and_defaults():
    one = day(1)
    shuffled = Snapshot({name: frame.reverse().select(reversed(frame.columns)) for name, frame in one.items()})
    assert same(one, shuffled)
    assert same(one, one.replace(positions=one["positions"].with_columns(pl.col("quantity").cast(pl.Int64), margin_mode=pl.lit("cross"))))
    assert same(one, one.replace(accounts=one["accounts"].with_columns(name=pl.lit("told"), reported_equity=pl.lit(5.0))))
    assert not same(one, one.replace(accounts=one["accounts"].with_columns(owner_id=pl.lit("o"))))
    assert not same(one, day(2))
    assert not same(one, one.replace(positions=pl.concat([one["positions"], one["positions"]])))
    assert not same(one, Snapshot({name: frame for name, frame in one.items() if name != "collateral"}))
