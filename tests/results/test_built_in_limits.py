"""Every built-in limit on small tables with rows that must not count; expected values are worked out by hand beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from results.tables_for_tests import account_summary, rows, scenario_summary

from stresstest.config.built_in_limits import BUILT_INS
from stresstest.results.limit_sql import Measured, measure_all
from stresstest.results.store import write_table
from stresstest.tables import (
    ACCOUNT_SUMMARY,
    CASCADE_SUMMARY,
    CONCENTRATION,
    DATA_QUALITY,
    DAYS_TO_LIQUIDATE,
    EXCLUDED,
    FUNDING_SUMMARY,
    SCENARIO_SUMMARY,
    WATERFALL,
    Table,
)

RESOURCES = {"insurance_fund": 10.0, "skin_in_the_game": 10.0, "default_fund": 20.0, "total": 40.0}


def account(account_id: str, owner_id: str, equity: float, notional: float, shortfall: float | None, loss: float | None) -> dict[str, Any]:
    worst = {"worst_headline_margin_shortfall": shortfall, "worst_headline_uncollateralised_loss": loss}
    # What is worst over all scenarios is larger, and no limit looks at it.
    elsewhere = {"worst_margin_shortfall": 999.0, "worst_uncollateralised_loss": 999.0}
    return {"account_id": account_id, "owner_id": owner_id, "equity": equity, "gross_notional": notional, **worst, **elsewhere}


def scenario(scenario_id: str, **given: Any) -> dict[str, Any]:
    return {"scenario_id": scenario_id, **given}


def covers(one: float, two: float, owner: str | None) -> dict[str, Any]:
    """Cover-1 and Cover-2 in the first basis; in the second a tenth of them, of another owner."""
    first = {"cover_1_stress_loss_over_margin": one, "cover_2_stress_loss_over_margin": two, "cover_owner_1_stress_loss_over_margin": owner}
    second = {"cover_1_uncollateralised_loss": one / 10, "cover_2_uncollateralised_loss": two / 10, "cover_owner_1_uncollateralised_loss": "z"}
    return first | second


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built in")

    def write(table: Table, frame: Any, *ids: str) -> None:
        write_table(frame, table, folder / f"{table.name}.parquet", ids)

    accounts = [
        account("a1", "ann", 100.0, 500.0, 30.0, 0.0),
        account("a2", "ann", 50.0, 100.0, 25.0, 4.0),
        account("b1", "bob", 10.0, 80.0, 50.0, 2.0),
        account("c1", "cat", 0.0, 0.0, 0.0, 0.0),  # nothing held: leverage 0, not unknown
    ]
    write(ACCOUNT_SUMMARY, account_summary(*accounts))
    scenarios = [
        scenario("dip", **covers(20.0, 24.0, "ann"), margin_shortfall=70.0, accounts_default=1, accounts_liquidation=3, accounts_newly_breached=4,
                 owners_in_default=1),
        scenario("crash", **covers(16.0, 30.0, "bob"), margin_shortfall=60.0, accounts_default=2, accounts_liquidation=1, accounts_newly_breached=3,
                 owners_in_default=2),
        scenario("cell", **covers(900.0, 999.0, "cat"), headline=False, margin_shortfall=999.0, accounts_default=99, accounts_liquidation=99,
                 accounts_newly_breached=99, owners_in_default=99),
    ]  # fmt: skip
    write(SCENARIO_SUMMARY, scenario_summary(*scenarios), "base", "dip", "crash", "cell")
    checks = [("a", "x", "fail", None), ("b", "x", "warn", None), ("b", "y", "warn", None), ("c", "x", "pass", 0.9)]
    checks += [
        ("unshocked notional", "dip", "pass", 0.3),
        ("unshocked notional", "crash", "pass", 0.2),
        ("unshocked notional", "freeze", "pass", 1.0),
    ]
    write(DATA_QUALITY, rows(DATA_QUALITY, *(
        {"check": check, "subject": subject, "severity": "info", "result": result, "value": value} for check, subject, result, value in checks
    )))  # fmt: skip
    write(EXCLUDED, rows(EXCLUDED, {"owner_id": "dan", "account_id": "d1"}, {"owner_id": "dan", "account_id": "d2"}))
    underlyings = [
        # BTC has most; DUST has less than 1 % and one owner; GOLD is spot alone, so it has no open interest.
        {"underlying": "BTC", "gross_share": 0.7, "herfindahl": 0.2, "open_interest": 5.0, "top_1": 0.3, "top_5": 0.6, "days": 2.0},
        {"underlying": "ETH", "gross_share": 0.2, "herfindahl": 0.4, "open_interest": 5.0, "top_1": 0.5, "top_5": 0.55, "days": None},
        {"underlying": "GOLD", "gross_share": 0.095, "herfindahl": 0.3, "open_interest": 0.0, "top_1": 1.0, "top_5": 1.0, "days": 7.0},
        {"underlying": "DUST", "gross_share": 0.005, "herfindahl": 1.0, "open_interest": 1.0, "top_1": 1.0, "top_5": 1.0, "days": 1.0},
    ]
    names = {"top_1": "top_1_open_interest_share", "top_5": "top_5_open_interest_share", "days": "days_to_liquidate_largest_owner"}
    write(CONCENTRATION, rows(CONCENTRATION, *({names.get(key, key): value for key, value in row.items()} for row in underlyings)))
    longest = [{"rank": 1, "account_id": "b1", "days_to_liquidate": 6.5}, {"rank": 2, "account_id": "a1", "days_to_liquidate": 3.0}]
    write(DAYS_TO_LIQUIDATE, rows(DAYS_TO_LIQUIDATE, *longest))
    funding = [
        scenario("base", cash_to_find=9.0, unpaid=9.0),
        scenario("dip", cash_to_find=50.0, unpaid=5.0),
        scenario("crash", cash_to_find=8.0, unpaid=4.0),
    ]
    write(FUNDING_SUMMARY, rows(FUNDING_SUMMARY, *funding), "base", "dip", "crash")
    cascades = [
        scenario(
            "base", headline=False, cover_2=99.0, uncollateralised_loss=99.0, amplification=99.0, accounts_liquidated_feedback=99, converged=False
        ),
        scenario("dip", headline=True, cover_2=10.0, uncollateralised_loss=12.0, amplification=1.5, accounts_liquidated_feedback=2, converged=False),
        scenario(
            "crash", headline=True, cover_2=30.0, uncollateralised_loss=45.0, amplification=None, accounts_liquidated_feedback=1, converged=True
        ),
        scenario("calm", headline=True, cover_2=0.0, uncollateralised_loss=0.0, amplification=1.0, accounts_liquidated_feedback=0, converged=True),
    ]
    write(CASCADE_SUMMARY, rows(CASCADE_SUMMARY, *cascades), "base", "dip", "crash", "calm")
    layers = [("base", "uncovered", 99.0), ("dip", "insurance_fund", 9.0), ("dip", "uncovered", 3.0), ("crash", "uncovered", 0.0)]
    paid = [{"scenario_id": name, "ord": number, "layer": layer, "used": used} for number, (name, layer, used) in enumerate(layers)]
    write(WATERFALL, rows(WATERFALL, *paid), "base", "dip", "crash")
    return folder


EXPECTED: dict[str, Measured] = {
    "cover_1_to_resources": Measured(20 / 40, "dip"),
    "cover_2_to_resources": Measured(30 / 40, "crash"),
    "account_shortfall": Measured(50.0, "b1"),
    "account_loss": Measured(4.0, "a2"),
    "owner_shortfall": Measured(30.0 + 25.0, "ann"),
    "owner_loss": Measured(20.0, "ann"),
    "book_shortfall": Measured(70.0, "dip"),
    "accounts_in_default": Measured(2.0, "crash"),
    "accounts_below_maintenance": Measured(4.0, "dip"),
    "accounts_newly_breached": Measured(4.0, "dip"),
    "owners_in_default": Measured(2.0, "crash"),
    "account_leverage": Measured(80 / 10, "b1"),
    "book_leverage": Measured(680 / 160),
    "concentration_herfindahl": Measured(0.4, "ETH"),
    "open_interest_top_share": Measured(0.6, "BTC"),
    "days_to_liquidate": Measured(6.5, "b1"),
    "owner_days_to_liquidate": Measured(7.0, "GOLD"),
    "unpaid_funding": Measured(5.0, "dip"),
    "unpaid_funding_share": Measured(4 / 8, "crash"),
    "cascade_cover_2_to_resources": Measured(30 / 40, "crash"),
    "cascade_loss": Measured(45.0, "crash"),
    "cascade_uncovered": Measured(3.0, "dip"),
    "cascade_amplification": Measured(1.5, "dip"),
    "cascade_accounts_by_feedback": Measured(2.0, "dip"),
    "cascade_not_at_rest": Measured(1.0),
    "unshocked_notional": Measured(0.2, "crash"),
    "failed_checks": Measured(1.0),
    "warned_checks": Measured(2.0),
    "excluded_accounts": Measured(2.0),
}


def test_every_built_in_limit(folder: Path):
    assert EXPECTED.keys() == BUILT_INS.keys()
    found = measure_all([each.query() for each in BUILT_INS.values()], folder, RESOURCES, ["above"] * len(BUILT_INS))
    assert dict(zip(BUILT_INS, found, strict=True)) == EXPECTED


def test_with_parameters(folder: Path):
    queries = [
        BUILT_INS["cover_2_to_resources"].query(basis="uncollateralised_loss"),
        BUILT_INS["owner_loss"].query(basis="uncollateralised_loss"),
        BUILT_INS["open_interest_top_share"].query(top=1),
    ]
    assert measure_all(queries, folder, RESOURCES, ["above"] * 3) == [Measured(3 / 40, "crash"), Measured(2.0, "z"), Measured(0.5, "ETH")]


def test_without_resources_or_with_none_there_is_no_ratio(folder: Path):
    query = BUILT_INS["cover_2_to_resources"].query()
    nothing = dict.fromkeys(RESOURCES, 0.0)
    for resources in (None, nothing):
        (found,) = measure_all([query], folder, resources, ["above"])
        assert (found.value, found.lacking) == (None, True)


def test_every_underlying_is_large_where_all_are_small(tmp_path: Path):
    """Of two hundred underlyings of the same size none has 1 % of the book."""
    many = [{"underlying": f"u{n:03d}", "gross_share": 0.005, "herfindahl": 0.1 + n / 1000, "open_interest": 1.0} for n in range(200)]
    write_table(rows(CONCENTRATION, *many), CONCENTRATION, tmp_path / "concentration.parquet")
    (found,) = measure_all([BUILT_INS["concentration_herfindahl"].query()], tmp_path, None, ["above"])
    assert found == Measured(pytest.approx(0.299), "u199")


def test_an_account_in_debt_with_positions_leaves_leverage_unknown(tmp_path: Path):
    # Equity of 6e-11 beside 50 is rounding, and no leverage of 8e11.
    frame = account_summary(
        account("a", "a", 10.0, 50.0, 0.0, 0.0), account("b", "b", -1.0, 50.0, 0.0, 0.0), account("c", "c", 6e-11, 50.0, 0.0, 0.0)
    )
    write_table(frame, ACCOUNT_SUMMARY, tmp_path / "account_summary.parquet")
    one, book = measure_all([BUILT_INS[name].query() for name in ("account_leverage", "book_leverage")], tmp_path, None, ["above"] * 2)
    assert one == Measured(5.0, "a", "2 of 3 rows have no finite value, the first b: null")
    assert book == Measured(150 / (10 - 1 + 6e-11))
