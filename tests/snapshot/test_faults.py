"""Bad input, one kind at a time: refused, with the table, the column, the rule, the number of rows and their keys."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from snapshot.books import AS_OF, Tables, small_book, write_tables

from stresstest.errors import ExitCode, Reason, StressTestError
from stresstest.snapshot.staging import stage

Change = Callable[[Tables], None]


def put(table: str, row: int, **values: Any) -> Change:
    def change(tables: Tables) -> None:
        tables[table][row].update(values)

    return change


def add(table: str, **values: Any) -> Change:
    def change(tables: Tables) -> None:
        tables.setdefault(table, []).append(values)

    return change


def drop(table: str, column: str | None = None) -> Change:
    def change(tables: Tables) -> None:
        if column is None:
            del tables[table]
        else:
            for row in tables[table]:
                row.pop(column, None)

    return change


def every(table: str, **values: Any) -> Change:
    def change(tables: Tables) -> None:
        for row in tables[table]:
            row.update(values)

    return change


def all_of(*changes: Change) -> Change:
    def change(tables: Tables) -> None:
        for each in changes:
            each(tables)

    return change


def faults_of(change: Change, tmp_path, request_for, **request: Any) -> list[tuple[Any, ...]]:
    tables = small_book()
    change(tables)
    with pytest.raises(StressTestError) as refused:
        stage(request_for(write_tables(tmp_path / "s", tables), **request), lambda _stage, _detail: None)
    assert refused.value.reason is Reason.INPUT_DATA
    assert refused.value.exit_code == ExitCode.INPUT_REFUSED
    assert not (tmp_path / "work" / "book").exists()
    for fault in refused.value.faults:
        assert fault.hint
        assert fault.text()
    return [(fault.table, fault.column, fault.rule, fault.rows, fault.keys) for fault in refused.value.faults]


CASES: dict[str, tuple[Change, tuple[Any, ...]]] = {
    "missing table": (drop("positions"), ("positions", None, "required table", None, ())),
    "missing column": (drop("instruments", "quote"), ("instruments", "quote", "required column", None, ())),
    "wrong type, text for number": (every("positions", quantity="2"), ("positions", "quantity", "type", None, ())),
    "wrong type, number for text": (every("positions", account_id=7), ("positions", "account_id", "type", None, ())),
    "wrong type, date for timestamp": (put("instruments", 0, price_time="2026-01-14"), ("instruments", "price_time", "type", None, ())),
    "null account": (put("positions", 1, account_id=None), ("positions", "account_id", "not null", 1, ("null / BTC-PERP",))),
    "null quantity": (put("collateral", 3, quantity=None), ("collateral", "quantity", "not null", 1, ("A1 / ETH",))),
    "NaN": (put("positions", 0, quantity=math.nan), ("positions", "quantity", "finite", 1, ("A1 / BTC-PERP",))),
    "infinity in an optional column": (put("positions", 1, accrued_funding=math.inf),
        ("positions", "accrued_funding", "finite", 1, ("A1 / BTC-PERP",))),
    "NaN price": (put("assets", 1, price=math.nan), ("assets", "price", "finite", 1, ("ETH",))),
    "integer beyond a double": (every("collateral", quantity=2**60 + 1),
        ("collateral", "quantity", "exact", 5, ("A1 / ETH", "A1 / USDC", "B1 / USD"))),
    "choice": (put("instruments", 0, kind="swap"), ("instruments", "kind", "choices", 1, ("BTC-PERP",))),
    "margin mode": (put("positions", 3, margin_mode="portfolio"), ("positions", "margin_mode", "choices", 1, ("A2 / ETH-SPOT",))),
    "duplicate account": (add("accounts", account_id="A1", owner_id="O2"), ("accounts", "account_id", "unique key", 2, ("A1",))),
    "duplicate asset": (add("assets", asset="BTC", price=1.0, collateral_schedule="coins"), ("assets", "asset", "unique key", 2, ("BTC",))),
    "duplicate instrument": (
        lambda tables: tables["instruments"].append(dict(tables["instruments"][0])), ("instruments", "instrument_id", "unique key", 2, ("BTC-PERP",)),
    ),
    "unknown account": (put("positions", 7, account_id="X"), ("positions", "account_id", "known account", 1, ("X / WTI-FUT",))),
    "unknown account of collateral": (put("collateral", 4, account_id="X"), ("collateral", "account_id", "known account", 1, ("X / USD",))),
    "unknown instrument": (put("positions", 7, instrument_id="X"), ("positions", "instrument_id", "known instrument", 1, ("B1 / X",))),
    "unknown asset": (put("collateral", 4, asset="XRP"), ("collateral", "asset", "known asset", 1, ("B1 / XRP",))),
    "unknown underlying": (put("instruments", 0, underlying="XRP"), ("instruments", "underlying", "known asset", 1, ("BTC-PERP",))),
    "unknown quote": (put("instruments", 4, quote="JPY"), ("instruments", "quote", "known asset", 1, ("ETH-SPOT",))),
    "unknown settle": (put("instruments", 1, settle="JPY"), ("instruments", "settle", "known asset", 1, ("ETH-INV",))),
    "unknown price currency": (put("assets", 1, price_currency="JPY"), ("assets", "price_currency", "known asset", 1, ("ETH",))),
    "circle of price currencies": (
        all_of(put("assets", 0, price_currency="ETH"), put("assets", 1, price_currency="BTC")),
        ("assets", "price_currency", "no circle of price currencies", 2, ("BTC", "ETH")),
    ),
    "reporting currency with a price": (add("assets", asset="USD", price=1.01), ("assets", "price", "reporting currency has price 1", 1, ("USD",))),
    "reporting currency priced in another": (
        add("assets", asset="USD", price=1.0, price_currency="USDC"),
        ("assets", "price_currency", "reporting currency is its own price currency", 1, ("USD",)),
    ),
    "unknown collateral schedule": (
        put("assets", 2, collateral_schedule="gold"), ("assets", "collateral_schedule", "known collateral schedule", 1, ("USDC",)),
    ),
    "unknown margin schedule": (put("instruments", 3, margin_schedule="x"),
        ("instruments", "margin_schedule", "known margin schedule", 1, ("WTI-FUT",))),
    "unknown model": (put("accounts", 2, margin_model="pm"), ("accounts", "margin_model", "known margin model", 1, ("B1",))),
    "option without strike": (put("instruments", 2, strike=None), ("instruments", "strike", "option has strike", 1, ("BTC-CALL",))),
    "option without expiry": (put("instruments", 2, expiry=None), ("instruments", "expiry", "option has expiry", 1, ("BTC-CALL",))),
    "option without type": (put("instruments", 2, option_type=None), ("instruments", "option_type", "option has type", 1, ("BTC-CALL",))),
    "lognormal option with a negative strike": (put("instruments", 2, strike=-1.0), ("instruments", "strike", "strike above zero", 1, ("BTC-CALL",))),
    "option mark below zero": (put("instruments", 2, mark_price=-1.0), ("instruments", "mark_price", "option mark not negative", 1, ("BTC-CALL",))),
    "vol below zero": (put("instruments", 2, implied_vol=-0.1), ("instruments", "implied_vol", "vol not negative", 1, ("BTC-CALL",))),
    "averaging over no time": (put("instruments", 2, settlement_averaging_seconds=0.0),
        ("instruments", "settlement_averaging_seconds", "averaging window above zero", 1, ("BTC-CALL",))),
    "averaging of a perpetual": (put("instruments", 0, settlement_averaging_seconds=1_800.0),
        ("instruments", "settlement_averaging_seconds", "averaging of European options", 1, ("BTC-PERP",))),
    "averaging of an American option": (put("instruments", 2, settlement_averaging_seconds=1_800.0, exercise="american"),
        ("instruments", "settlement_averaging_seconds", "averaging of European options", 1, ("BTC-CALL",))),
    "average of no window": (put("instruments", 2, settled_average=50_000.0),
        ("instruments", "settled_average", "average has a window", 1, ("BTC-CALL",))),
    "expired and held": (put("instruments", 2, expiry=AS_OF), ("instruments", "expiry", "held instrument not expired", 1, ("BTC-CALL",))),
    "isolated without margin": (
        put("positions", 4, isolated_margin=None), ("positions", "isolated_margin", "isolated margin present", 1, ("A2 / BTC-PERP",)),
    ),
    "margin without isolated": (
        put("positions", 0, isolated_margin=5.0), ("positions", "isolated_margin", "isolated margin only when isolated", 1, ("A1 / BTC-PERP",)),
    ),
    "isolated in the cross pool": (put("positions", 4, pool_id="cross"),
        ("positions", "pool_id", "isolated pool is not cross", 1, ("A2 / BTC-PERP",))),
    "cross position in a pool of its own": (put("positions", 0, pool_id="desk"),
        ("positions", "pool_id", "cross position in the cross pool", 1, ("A1 / BTC-PERP",))),
    "collateral in a pool of no position": (put("collateral", 0, pool_id="corss"),
        ("collateral", "pool_id", "pool of a position", 1, ("A1 / USDC",))),
    "collateral in another account's pool": (put("collateral", 0, pool_id="BTC-PERP:long"),
        ("collateral", "pool_id", "pool of a position", 1, ("A1 / USDC",))),
    "funding of a spot position": (put("positions", 3, accrued_funding=1.0),
        ("positions", "accrued_funding", "funding only where it accrues", 1, ("A2 / ETH-SPOT",))),
    "funding of a paid option": (put("positions", 6, accrued_funding=-1.0),
        ("positions", "accrued_funding", "funding only where it accrues", 1, ("B1 / BTC-CALL",))),
    "quanto option": (put("instruments", 2, payoff="quanto"), ("instruments", "payoff", "not a quanto option", 1, ("BTC-CALL",))),
    "leverage of zero": (put("positions", 1, leverage=0.0), ("positions", "leverage", "leverage above zero", 1, ("A1 / BTC-PERP",))),
    "multiplier of zero": (put("accounts", 0, margin_multiplier=0.0), ("accounts", "margin_multiplier", "multiplier above zero", 1, ("A1",))),
    "price of zero": (put("assets", 0, price=0.0), ("assets", "price", "price above zero", 1, ("BTC",))),
    "mark of zero": (put("instruments", 0, mark_price=0.0), ("instruments", "mark_price", "mark above zero", 1, ("BTC-PERP",))),
    "inverse mark below zero": (put("instruments", 1, mark_price=-1.0), ("instruments", "mark_price", "inverse mark above zero", 1, ("ETH-INV",))),
    "coin option quoted in another asset than it settles in": (
        put("instruments", 2, payoff="inverse", quote="USDC", settle="BTC"), ("instruments", "quote", "inverse option in one coin", 1, ("BTC-CALL",)),
    ),
    "inverse entry of zero": (put("positions", 2, entry_price=0.0), ("positions", "entry_price", "inverse entry above zero", 1, ("A1 / ETH-INV",))),
    "beyond a double": (
        put("positions", 7, quantity=1e200, entry_price=1e200), ("positions", "quantity", "finite value", 1, ("B1 / WTI-FUT",)),
    ),
    "contract size of zero": (put("instruments", 0, contract_size=0.0),
        ("instruments", "contract_size", "contract size above zero", 1, ("BTC-PERP",))),
    "netting group across owners": (
        every("accounts", netting_group="G"), ("accounts", "netting_group", "netting group of one owner", 3, ("G",)),
    ),
    "collateral without schedule": (
        add("collateral", account_id="A1", asset="WTI", quantity=1.0),
        ("assets", "collateral_schedule", "collateral schedule of what is held", 1, ("WTI",)),
    ),
    "spot on an asset without schedule": (
        all_of(add("assets", asset="GOLD", price=9.0), put("instruments", 4, underlying="GOLD")),
        ("assets", "collateral_schedule", "collateral schedule of what is held", 1, ("GOLD",)),
    ),
    "settled in an asset without schedule": (
        put("instruments", 3, settle="WTI"), ("assets", "collateral_schedule", "collateral schedule of what P&L is paid in", 1, ("WTI",)),
    ),
    "held without margin schedule": (
        put("instruments", 3, margin_schedule=None), ("instruments", "margin_schedule", "margin schedule of what is held", 1, ("WTI-FUT",)),
    ),
    "negative contribution": (
        add("owners", owner_id="O1", default_fund_contribution=-1.0),
        ("owners", "default_fund_contribution", "contribution not negative", 1, ("O1",)),
    ),
    "order of an unknown account": (
        add("orders", account_id="X", instrument_id="BTC-PERP", side="buy", quantity=1.0, price=1.0),
        ("orders", "account_id", "known account", 1, ("X / BTC-PERP",)),
    ),
    "order side": (
        add("orders", account_id="A1", instrument_id="BTC-PERP", side="long", quantity=1.0, price=1.0),
        ("orders", "side", "choices", 1, ("A1 / BTC-PERP",)),
    ),
    "duplicate day of history": (
        all_of(*[add("history", date=datetime(2026, 1, 2, tzinfo=UTC).date(), factor="spot:BTC", value=v) for v in (1.0, 2.0)]),
        ("history", "date", "unique key", 2, ("2026-01-02 / spot:BTC",)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_kind_of_bad_input(case, tmp_path, request_for):
    change, expected = CASES[case]
    assert faults_of(change, tmp_path, request_for) == [expected]


def test_empty_positions(tmp_path, request_for):
    snapshot = write_tables(tmp_path / "s", small_book())
    pq.write_table(pq.read_table(snapshot / "positions.parquet").slice(0, 0), snapshot / "positions.parquet")
    with pytest.raises(StressTestError) as refused:
        stage(request_for(snapshot), lambda _stage, _detail: None)
    assert [(fault.table, fault.rule, fault.rows) for fault in refused.value.faults] == [("positions", "not empty", 0)]


def test_all_faults_of_all_tables_at_once(tmp_path, request_for):
    change = all_of(*[CASES[case][0] for case in ("NaN", "unknown asset", "option without type", "NaN price", "unknown model", "order side")])
    found = faults_of(change, tmp_path, request_for)
    assert {each[:3] for each in found} == {
        ("positions", "quantity", "finite"), ("collateral", "asset", "known asset"), ("instruments", "option_type", "option has type"),
        ("assets", "price", "finite"), ("accounts", "margin_model", "known margin model"), ("orders", "side", "choices"),
    }  # fmt: skip


def test_a_missing_table_does_not_hide_faults_of_others_nor_invent_any(tmp_path, request_for):
    change = all_of(drop("instruments"), put("positions", 0, quantity=math.nan))
    expected = [("instruments", None, "required table"), ("positions", "quantity", "finite")]
    assert [each[:3] for each in faults_of(change, tmp_path, request_for)] == expected


def test_first_five_keys_in_order_and_all_rows_counted(tmp_path, request_for):
    def change(tables: Tables) -> None:
        for n in range(40):
            tables["positions"].append({"account_id": f"X{n % 20:02d}", "instrument_id": "BTC-PERP", "quantity": 1.0})

    (found,) = faults_of(change, tmp_path, request_for)
    assert found == ("positions", "account_id", "known account", 40, tuple(f"X{n:02d} / BTC-PERP" for n in range(5)))


def test_schedules_that_models_make_needless(tmp_path, request_for):
    """A future may take its underlying's schedule if the model nets by underlying; P&L added as a value needs no haircut."""

    def change(tables: Tables) -> None:
        tables["assets"][3]["margin_schedule"] = "majors"
        tables["instruments"][3] |= {"margin_schedule": None, "settle": "WTI"}
        tables["accounts"][2]["margin_model"] = "net"

    models = frozenset({"default", "net"})
    found = faults_of(change, tmp_path / "1", request_for, models=models)
    assert [each[1] for each in found] == ["collateral_schedule", "margin_schedule"]
    found = faults_of(change, tmp_path / "2", request_for, models=models, models_net_by_underlying=frozenset({"net"}))
    assert [each[1] for each in found] == ["collateral_schedule"]
    tables = small_book()
    change(tables)
    both = {"models_net_by_underlying": frozenset({"net"}), "models_pnl_into_value": frozenset({"net"})}
    stage(request_for(write_tables(tmp_path / "s", tables), models=models, **both), lambda _stage, _detail: None)


def test_options_need_no_schedule_under_strategy_models(tmp_path, request_for):
    def bare(tables: Tables) -> None:
        next(row for row in tables["instruments"] if row["instrument_id"] == "BTC-CALL")["margin_schedule"] = None

    def all_by_rules(tables: Tables) -> None:
        bare(tables)
        for account in tables["accounts"]:
            account["margin_model"] = "listed"

    request = {"models": frozenset({"default", "listed"}), "models_of_strategies": frozenset({"listed"})}
    # Of an account under another model that holds the option it is asked.
    found = faults_of(bare, tmp_path / "1", request_for, **request)
    assert found == [("instruments", "margin_schedule", "margin schedule of what is held", 1, ("BTC-CALL",))]
    assert faults_of(bare, tmp_path / "2", request_for) == found
    tables = small_book()
    all_by_rules(tables)
    stage(request_for(write_tables(tmp_path / "s", tables), **request), lambda _stage, _detail: None)


def test_models_that_net_by_underlying_need_the_schedule_of_the_underlying(tmp_path, request_for):
    """Its own schedule is no help to a future whose account nets by underlying."""

    def change(tables: Tables) -> None:
        tables["accounts"][2]["margin_model"] = "net"

    models = {"models": frozenset({"default", "net"}), "models_net_by_underlying": frozenset({"net"})}
    found = faults_of(change, tmp_path / "1", request_for, **models)
    assert found == [("assets", "margin_schedule", "margin schedule of what is held", 1, ("WTI",))]
    # Under the default model, which nets here, every underlying of a position needs one; of options and of spot without a schedule never.
    found = faults_of(lambda tables: None, tmp_path / "2", request_for, models_net_by_underlying=frozenset({"default"}))
    assert found == [("assets", "margin_schedule", "margin schedule of what is held", 3, ("BTC", "ETH", "WTI"))]


def test_a_rule_for_short_options_asks_nothing_of_a_future(tmp_path, request_for):
    def change(tables: Tables) -> None:
        tables["instruments"][2]["margin_schedule"] = "options"
        tables["instruments"][3]["margin_schedule"] = "options"

    schedules = {"margin_schedules": frozenset({"majors", "options"}), "margin_schedules_for_options": frozenset({"options"})}
    found = faults_of(change, tmp_path, request_for, **schedules)
    assert found == [("instruments", "margin_schedule", "margin schedule of what is held", 1, ("WTI-FUT",))]


def test_what_is_not_held_asks_for_nothing(tmp_path, request_for):
    tables = small_book()
    tables["instruments"].append({"instrument_id": "OLD", "kind": "future", "underlying": "WTI", "quote": "WTI", "mark_price": -1.0, "expiry": AS_OF})
    option = tables["instruments"][2]
    tables["instruments"].append(option | {"instrument_id": "QU", "payoff": "quanto"})
    stage(request_for(write_tables(tmp_path / "s", tables)), lambda _stage, _detail: None)


def description(tmp_path, text: str):
    snapshot = write_tables(tmp_path / "s", small_book())
    (snapshot / "snapshot.json").write_text(text, encoding="utf-8")
    return snapshot


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"as_of": "2026-01-13T08:00:00Z"}', ["as_of"]),
        ('{"reporting_currency": "EUR"}', ["reporting_currency"]),
        ('{"as_of": "yesterday", "colour": 1}', ["colour", "as_of"]),
        ('{"as_of": ', [None]),
        ("[]", [None]),
    ],
)
def test_a_description_that_disagrees_or_is_none(text, where, tmp_path, request_for):
    with pytest.raises(StressTestError) as refused:
        stage(request_for(description(tmp_path, text)), lambda _stage, _detail: None)
    assert [fault.path for fault in refused.value.faults] == where
    assert refused.value.exit_code == 3


def test_the_description_gives_defaults(tmp_path, request_for):
    snapshot = description(tmp_path, '{"as_of": "2026-01-14T09:00:00+01:00", "reporting_currency": "USD"}')
    folder = stage(request_for(snapshot, as_of=None, reporting_currency=None), lambda _stage, _detail: None)
    assert json.loads((folder / "book.json").read_text())["as_of"] == "2026-01-14T08:00:00+00:00"


def test_without_moment_or_currency(tmp_path, request_for):
    snapshot = write_tables(tmp_path / "s", small_book())
    with pytest.raises(StressTestError) as refused:
        stage(request_for(snapshot, as_of=None, reporting_currency=None), lambda _stage, _detail: None)
    assert [fault.path for fault in refused.value.faults] == ["as_of", "reporting_currency"]


def test_no_such_folder(tmp_path, request_for):
    with pytest.raises(StressTestError) as refused:
        stage(request_for(tmp_path / "none"), lambda _stage, _detail: None)
    assert "no such folder" in refused.value.faults[0].text()


def test_a_file_and_a_folder_of_one_table(tmp_path, request_for):
    snapshot = write_tables(tmp_path / "s", small_book())
    write_tables(snapshot / "accounts", {"a": small_book()["accounts"]})
    with pytest.raises(StressTestError) as refused:
        stage(request_for(snapshot), lambda _stage, _detail: None)
    assert [fault.table for fault in refused.value.faults] == ["accounts"]


def test_names_are_case_sensitive(tmp_path, request_for):
    snapshot = write_tables(tmp_path / "s", small_book())
    table = pq.read_table(snapshot / "accounts.parquet").rename_columns(["Account_ID", "owner_id", "max_leverage"])
    pq.write_table(table, snapshot / "accounts.parquet")
    with pytest.raises(StressTestError) as refused:
        stage(request_for(snapshot), lambda _stage, _detail: None)
    assert "Account_ID" in refused.value.faults[0].hint


def test_collateral_of_an_isolated_pool_and_funding_of_a_margined_option(tmp_path, request_for):
    tables = small_book()
    tables["collateral"].append({"account_id": "A2", "asset": "USDC", "quantity": 50.0, "pool_id": "BTC-PERP:long"})
    tables["instruments"][2]["premium_style"] = "margined"
    tables["positions"][6]["accrued_funding"] = 1.0
    stage(request_for(write_tables(tmp_path / "s", tables)), lambda _stage, _detail: None)


def text_of(change: Change, tmp_path, request_for) -> str:
    tables = small_book()
    change(tables)
    with pytest.raises(StressTestError) as refused:
        stage(request_for(write_tables(tmp_path / "s", tables)), lambda _stage, _detail: None)
    return refused.value.faults[0].text()


def test_a_null_is_told_what_to_give(tmp_path, request_for):
    text = text_of(put("collateral", 3, quantity=None), tmp_path, request_for)
    assert text.endswith("collateral.quantity: null where a value is needed (1 row: A1 / ETH). Give a value: plus = deposit, minus = borrow.")


def test_several_rows_of_one_key_do_not_promise_more_keys(tmp_path, request_for):
    text = text_of(add("assets", asset="BTC", price=1.0, collateral_schedule="coins"), tmp_path, request_for)
    assert text.endswith("the same asset more than once (2 rows: BTC). Keep one row of each.")


def test_a_column_of_nulls_is_not_told_of_its_own_name(tmp_path, request_for):
    snapshot = write_tables(tmp_path / "s", small_book())
    table = pq.read_table(snapshot / "accounts.parquet")
    pq.write_table(table.set_column(0, "account_id", pa.nulls(3)), snapshot / "accounts.parquet")
    with pytest.raises(StressTestError) as refused:
        stage(request_for(snapshot), lambda _stage, _detail: None)
    fault = refused.value.faults[0]
    assert (fault.what, fault.hint) == ("every value is null", "Give its values: the account.")


def test_text_in_data_is_data(tmp_path, request_for):
    """Quotes, SQL and glob characters in names and paths change nothing."""
    odd = "it's; DROP TABLE accounts --[*]?"
    tables = small_book()
    tables["accounts"][0] |= {"account_id": odd, "owner_id": odd}
    for table in ("positions", "collateral"):
        for row in tables[table]:
            row["account_id"] = odd if row["account_id"] == "A1" else row["account_id"]
    folder = stage(request_for(write_tables(tmp_path / "s[1] 'x'*", tables)), lambda _stage, _detail: None)
    with pa.memory_map(str(folder / "accounts.arrow")) as source:
        assert pa.ipc.open_file(source).read_all().column("account_id").to_pylist() == ["A2", "B1", odd]
