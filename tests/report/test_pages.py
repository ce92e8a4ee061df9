"""The pages about owners, segments, collateral and single accounts, and what drives the result, on literal tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from generated.finished_runs import AUDIT, generated_run

from stresstest.report.account_pages import account_pages, waterfall_step
from stresstest.report.collateral import collateral_page, wrong_way
from stresstest.report.drivers import drivers
from stresstest.report.facts import facts
from stresstest.report.owners import leading_owners, owners_page
from stresstest.report.parts import Step, TableView
from stresstest.report.segments import segments_page
from stresstest.results.summary import Cover, Summary

MINUS, SPACE = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}"


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """A summary whose worst scenario is `slump` and whose resources are 10,000."""
    folder = generated_run(tmp_path_factory.mktemp("pages") / "run", accounts=20, stressed=2, others=0, resources=10_000.0)
    made = Summary.model_validate_json((folder / "summary.json").read_bytes())
    assert made.worst is not None
    worst = made.worst.model_copy(
        update={
            "scenario_id": "slump", "name": "Slump", "margin_shortfall": 4_000.0, "equity": 90_000.0, "pnl": -10_000.0, "position_pnl": -12_000.0,
            "collateral_pnl": 2_000.0, "accounts": {"ok": 16, "call": 0, "liquidation": 3, "default": 1},
        }
    )  # fmt: skip
    cover = made.cover["stress_loss_over_margin"].model_copy(
        update={"cover_2": Cover(amount=9_000.0, scenario_id="slump", owners=("ann", "bob"), lower_bound=False)}
    )
    none = made.cover["uncollateralised_loss"].model_copy(update={"cover_2": Cover(amount=0.0, scenario_id=None, owners=(), lower_bound=False)})
    return made.model_copy(
        update={"worst": worst, "cover": {"stress_loss_over_margin": cover, "uncollateralised_loss": none}, "owner_names": {"ann": "Ann Ltd"}}
    )


NAMES = {"base": "Base", "slump": "Slump"}
LOSSES = pl.DataFrame(
    {
        "scenario_id": ["slump"] * 3 + ["other"],
        "basis": ["stress_loss_over_margin"] * 4,
        "rank": [1, 2, 3, 1],
        "owner_id": ["ann", "bob", "cat", "dan"],
        "loss": [6_000.0, 3_000.0, 2_000.0, 8_000.0],
    }
)


def owner(owner_id: str, scenario: str = "slump", **changed: Any) -> dict[str, Any]:
    row = {"scenario_id": scenario, "owner_id": owner_id, "name": None, "accounts": 2, "equity": -500.0, "margin_shortfall": 700.0}
    row |= {"stress_loss_over_margin": 6_000.0, "uncollateralised_loss": 500.0, "in_default": True, "incomplete": False}
    return row | {"default_fund_contribution": 200.0} | changed


OWNERS = pl.DataFrame(
    [
        owner("ann", name="Ann Ltd", incomplete=True),
        owner("bob", uncollateralised_loss=900.0, default_fund_contribution=1_000.0),
        owner("cat", in_default=False),
        owner("dan", "other"),
    ]
)


def texts(table: TableView) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in table.rows]


def test_cover_n_adds_owner_losses_up_and_holds_them_against_resources(summary: Summary) -> None:
    sized, uncollateralised = owners_page(LOSSES, OWNERS, summary, NAMES).covers
    # N, owner, accounts, contribution, loss, Cover-N, % of 10,000, left of it
    assert texts(sized) == [
        ["1", "Ann Ltd", "2", "200", "6,000", "6,000", "60", "4,000"],
        ["2", "bob", "2", "1,000", "3,000", "9,000", "90", "1,000"],
        ["3", "cat", "2", "200", "2,000", "11,000", "110", f"{MINUS}1,000"],
    ]
    assert sized.notes == ("The largest Cover-2 of all headline scenarios, in Slump. This is the measure that is held against resources.",)
    assert uncollateralised.rows == ()
    assert uncollateralised.empty == "Nothing to report: no owner has such a loss in any headline scenario (uncollateralised loss)."


def test_owners_in_default_are_those_of_the_worst_scenario_largest_loss_first(summary: Summary) -> None:
    page = owners_page(LOSSES, OWNERS, summary, NAMES)
    assert page.in_default.caption == "Owners in default in Slump"
    assert texts(page.in_default) == [
        ["1", "bob", "2", f"{MINUS}500", "700", "900", "6,000", "1,000", "0"],
        ["2", "Ann Ltd", "2", f"{MINUS}500", "700", "500", "6,000", "200", "300"],
    ]
    assert page.in_default.rows[1].cells[1].below == "ann; incomplete"
    assert owners_page(None, None, summary, NAMES).in_default.empty.startswith("Not computed: ")


def test_the_owners_of_cover_2_with_their_shares(summary: Summary) -> None:
    assert leading_owners(LOSSES, summary) == (f"Ann Ltd 6.0k (67{SPACE}%)", f"bob 3.0k (33{SPACE}%)")


def segment(name: str, scenario: str, **changed: float) -> dict[str, Any]:
    measures = (
        "pnl",
        "equity",
        "margin_balance",
        "maintenance_margin",
        "initial_shortfall",
        "margin_shortfall",
        "uncollateralised_loss",
        "stress_loss_over_margin",
    )
    counts = {f"accounts{status}": 0 for status in ("_call", "_liquidation", "_default", "_newly_breached")}
    return {
        "scenario_id": scenario,
        "segment": name,
        "accounts": 10,
        **dict.fromkeys(measures, 0.0),
        "stress_loss_over_margin": 0.0,
        **counts,
        **changed,
    }


SEGMENTS = pl.DataFrame(
    [
        segment("fund", "base", equity=900.0),
        segment("", "base", equity=100.0),
        segment("fund", "slump", equity=700.0, margin_shortfall=1_000.0, initial_shortfall=1_500.0),
        segment("", "slump", equity=50.0, margin_shortfall=3_000.0, initial_shortfall=3_500.0, accounts_default=1),
    ]
)


def test_segments_by_shortfall_with_their_share(summary: Summary) -> None:
    page = segments_page(SEGMENTS, summary, NAMES)
    assert page is not None
    assert texts(page.table) == [
        ["no segment", "10", "0", "0", "1", "0", "100", "50", "0", "0", "3,500", "3,000", "75.0", "0", "0"],
        ["fund", "10", "0", "0", "0", "0", "900", "700", "0", "0", "1,500", "1,000", "25.0", "0", "0"],
    ]
    assert [(pair.name, pair.narrow, pair.wide) for pair in page.chart.pairs] == [("no segment", 3_000.0, 3_500.0), ("fund", 1_000.0, 1_500.0)]
    assert segments_page(None, summary, NAMES) is None


def collateral(asset: str, location: str | None, scenario: str, **changed: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"scenario_id": scenario, "asset": asset, "location": location, "asset_class": "crypto", "accounts": 3, "price": 10.0}
    row |= {"holding_share": 1.0, "value": 1_000.0, "value_after_haircut": 900.0, "loss": 0.0, "wrong_way_loss": 0.0, "borrowed_value": 0.0}
    return row | changed


COLLATERAL = pl.DataFrame(
    [
        collateral("BTC", None, "base"),
        collateral("USD", "bank", "base", asset_class="cash", value=3_000.0, value_after_haircut=3_000.0, price=1.0),
        collateral("BTC", None, "slump", price=6.0, holding_share=0.5, value=300.0, value_after_haircut=240.0, loss=700.0, wrong_way_loss=350.0),
        collateral("USD", "bank", "slump", asset_class="cash", value=3_000.0, value_after_haircut=3_000.0, price=1.0, borrowed_value=40.0),
    ]
)  # fmt: skip


def test_collateral_at_base_and_in_the_worst_scenario_with_haircuts_and_the_wrong_way_flag(summary: Summary) -> None:
    page = collateral_page(COLLATERAL, summary, NAMES)
    assert page is not None
    assert texts(page.table) == [
        # asset, class, location, accounts; value, share, haircut; price, held, value, haircut, counts; loss, wrong way, flag; borrowed
        ["USD", "cash", "bank", "3", "3,000", "75.0", "0", "0", "100", "3,000", "0", "3,000", "0", "0", "", "40"],
        ["BTC", "crypto", "\N{EM DASH}", "3", "1,000", "25.0", "10.0", f"{MINUS}40.0", "50", "300", "20.0", "240", "700", "350", "Wrong way", "0"],
    ]
    assert page.summary == (
        f"Deposits of USD 4.0k at base are worth 3.3k in Slump ({MINUS}17.5{SPACE}%) "
        f"and count for 3.2k after haircuts (81{SPACE}% of their value at base). "
        f"Of the USD 700 that collateral loses, 350 (50{SPACE}%) falls on accounts whose positions lose too. "
        "Flagged as wrong-way: BTC, with 350 of 700 lost at all locations together."
    )
    assert [(pair.name, pair.narrow, pair.wide) for pair in page.by_location.pairs] == [("bank", 3_000.0, 3_000.0), ("no location", 240.0, 1_000.0)]


def test_the_sentence_about_wrong_way_losses_states_all_collateral_then_whole_assets(summary: Summary) -> None:
    # BTC loses 700 + 300 at two places, 350 + 100 of it the wrong way: only the first place is flagged, and the asset is stated whole.
    # ETH loses 400, 40 of it the wrong way. USD gains 5, which takes nothing off.
    lines = [
        ("BTC", "cold", 1_000.0, 700.0, 350.0),
        ("BTC", "hot", 1_000.0, 300.0, 100.0),
        ("ETH", None, 1_000.0, 400.0, 40.0),
        ("USD", None, 100.0, -5.0, 0.0),
    ]
    rows = [collateral(asset, place, "base", value=value) for asset, place, value, _, _ in lines]
    rows += [collateral(asset, place, "slump", value=value - loss, loss=loss, wrong_way_loss=wrong) for asset, place, value, loss, wrong in lines]
    page = collateral_page(pl.DataFrame(rows), summary, NAMES)
    assert page is not None
    assert page.summary.partition("base). ")[2] == (
        f"Of the USD 1.4k that collateral loses, 490 (35{SPACE}%) falls on accounts whose positions lose too. "
        "Flagged as wrong-way: BTC, with 450 of 1.0k lost at all locations together."
    )


def test_a_flagged_line_is_on_paper_however_small(summary: Summary) -> None:
    lines = [(f"A{place:02}", 1_000.0 - place, 0.0) for place in range(20)] + [("SOL", 100.0, 90.0)]
    rows = [collateral(asset, None, "base", value=value) for asset, value, _ in lines]
    rows += [collateral(asset, None, "slump", value=value - loss, loss=loss, wrong_way_loss=loss) for asset, value, loss in lines]
    page = collateral_page(pl.DataFrame(rows), summary, NAMES)
    assert page is not None
    assert [row.cells[0].text for row in page.table.rows if row.printed] == [*(f"A{place:02}" for place in range(11)), "SOL"]
    assert page.table.notes[-1] == "On paper the 12 largest, flagged ones among them, are listed, on screen 21."


@pytest.mark.parametrize(
    ("loss", "wrong", "flagged"),
    [(100.0, 50.0, True), (100.0, 49.0, False), (1.0, 1.0, False), (0.0, 0.0, False), (-5.0, 0.0, False)],
    ids=["half", "less than half", "a thousandth of all", "no loss", "a gain"],
)
def test_the_flag_needs_half_of_a_loss_that_counts(loss: float, wrong: float, flagged: bool) -> None:
    assert wrong_way({"loss": loss, "wrong_way_loss": wrong}, 1_000.0) is flagged


def step(kind: str, amount: float, total: bool = False, subject: str | None = None, subjects: int = 0) -> dict[str, Any]:
    return {"kind": kind, "amount": amount, "total": total, "subject": subject, "subjects": subjects}


@pytest.mark.parametrize(
    ("given", "last", "shown"),
    [
        (step("equity at base", 5.0, total=True), False, Step("Equity at base", 5.0, total=True)),
        (step("position P&L", -3.0, subject="BTC", subjects=1), False, Step("Positions, BTC", -3.0)),
        (step("position P&L", -1.0, subjects=4), False, Step("Positions, 4 others", -1.0)),
        (step("haircut", -1.0, subjects=2), False, Step("Haircuts", -1.0)),
        (step("excess", 1.0, total=True), True, Step("Excess", 1.0, total=True)),
        (step("excess", -1.0, total=True), True, Step("Shortfall", -1.0, total=True)),
        (step("excess", 1.0, total=True), False, Step("Balance less requirement", 1.0, total=True)),
        (step("shortfall", -2.0, total=True), True, Step("Shortfall", -2.0, total=True)),
    ],
    ids=str,
)
def test_steps_of_a_waterfall(given: dict[str, Any], last: bool, shown: Step) -> None:
    assert waterfall_step(given, last) == shown


def test_account_pages_follow_the_ranking_and_hold_the_largest_lines(tmp_path: Path) -> None:
    view = facts(generated_run(tmp_path / "run", accounts=60), AUDIT)
    assert [page.rank for page in view.account_pages] == list(range(1, 11))
    ranked = [row.cells[1].text for row in view.accounts.rows][:10]
    assert [page.account_id for page in view.account_pages[: len(ranked)]] == ranked
    page = view.account_pages[0]
    assert page.steps[0].label == "Equity at base"
    level = 0.0
    for each in page.steps:
        level = each.amount if each.total else level + each.amount
        assert not each.total or level == pytest.approx(each.amount)
    assert sum(row.printed for row in page.holdings.rows) <= 7
    assert account_pages(None, None, None, pl.DataFrame(), {}, "USD") == ()


def holding(
    place: int, item: str | None, change: float | None, *, pool: str | None = "cross", kind: str = "position", **figures: Any
) -> dict[str, Any]:
    row: dict[str, Any] = {"account_id": "a", "place": place, "pool_id": pool, "kind": kind, "item": item, "location": None, "lines": 1}
    row |= {"stressed_value": 10.0, "quantity": 1.0, "base_price": 1.0, "stressed_price": 1.0, "base_value": 10.0, "maintenance_margin": None}
    return row | {"value_change": change} | figures


def holdings_page(lines: list[dict[str, Any]], pools: list[dict[str, Any]] | None = None, accounts: int = 1) -> TableView:
    ranked = [
        {
            "account_id": name, "owner_id": "o", "name": None, "segment": None, "gross_notional": 1.0, "scenario_id": "slump", "status": "default",
            **dict.fromkeys(("equity_after", "equity", "margin_balance", "margin_balance_base"), 1.0),
            **dict.fromkeys(("maintenance_margin", "maintenance_margin_base"), 1.0),
            **dict.fromkeys(("margin_shortfall", "uncollateralised_loss", "stress_loss_over_margin"), 1.0),
        }
        for name in ("a", "b")[:accounts]
    ]  # fmt: skip
    steps = pl.DataFrame(
        [{"account_id": row["account_id"], "step": 1, **step("excess", -1.0, total=True)} for row in ranked], infer_schema_length=None
    )
    given = None if pools is None else pl.DataFrame(pools)
    return account_pages(steps, pl.DataFrame(lines, infer_schema_length=None), given, pl.DataFrame(ranked), NAMES, "USD")[0].holdings


def test_lines_of_an_account_come_by_change_of_value_deposits_like_positions() -> None:
    lines = [
        holding(1, "WTI", -5.0), holding(2, "BTC", 0.0, base_value=0.0, maintenance_margin=7.0), holding(3, None, -90.0, lines=40),
        holding(4, "STETH", -80.0, kind="deposit", location="bridge"), holding(5, "USD", 0.0, kind="deposit"),
        holding(6, "WTI", None, kind="net", base_value=None, maintenance_margin=9.0),
    ]  # fmt: skip
    told = [(row[0], row[1]) for row in texts(holdings_page(lines))]
    assert told == [
        ("STETH", "deposit, bridge"), ("WTI", "position"), ("USD", "deposit"), ("WTI", "net requirement"), ("BTC", "position"),
        ("40 other lines", "position"),
    ]  # fmt: skip


def test_lines_of_a_pool_that_is_short_come_first_and_every_line_names_its_pool() -> None:
    lines = [holding(1, "SOL", -900.0), holding(2, "MET", -7.0, pool="MET:short"), holding(3, "USDC", 0.0, pool="MET:short", kind="deposit")]
    pools = [
        {"account_id": "a", "pool_id": "MET:short", "scenario_id": "slump", "margin_shortfall": 6_143.0},
        {"account_id": "a", "pool_id": "cross", "scenario_id": "slump", "margin_shortfall": 0.0},
        {"account_id": "a", "pool_id": "cross", "scenario_id": "other", "margin_shortfall": 5.0},
    ]
    page = holdings_page(lines, pools)
    assert [row[:2] for row in texts(page)] == [["MET", "position, pool MET:short"], ["USDC", "deposit, pool MET:short"], ["SOL", "position, cross"]]
    assert page.notes == ("Short, USD: pool MET:short 6.1k; lines of these come first.",)
    assert [row[0] for row in texts(holdings_page(lines))] == ["SOL", "MET", "USDC"]


def test_an_account_that_is_the_only_one_has_more_lines_on_paper() -> None:
    lines = [holding(place, f"I{place}", -1.0) for place in range(1, 31)]
    assert sum(row.printed for row in holdings_page(lines).rows) == 24
    assert sum(row.printed for row in holdings_page(lines, accounts=2).rows) == 7


def detail(**shortfalls: float) -> pl.DataFrame:
    return pl.DataFrame([{"account_id": name, "scenario_id": "slump", "margin_shortfall": amount} for name, amount in shortfalls.items()])


def test_what_drives_the_worst_scenario(summary: Summary) -> None:
    shocks = {"slump": "BTC down"}
    found = drivers(summary, shocks, detail(a=2_000.0, b=1_000.0, c=0.0), SEGMENTS, ("Ann Ltd 6.0k",))
    assert {fact.label: fact.text for fact in found} == {
        "Shocks": "BTC down",
        "Equity of all accounts": f"USD 100.0k to 90.0k: positions {MINUS}12.0k, collateral +2.0k",
        "Accounts": f"a 50{SPACE}%, b 25{SPACE}%, together 75{SPACE}% of the shortfall of 4 accounts",
        "Segments": f"no segment 75{SPACE}%, fund 25{SPACE}% of the shortfall",
        "Owners of Cover-2": "Ann Ltd 6.0k",
    }


def test_accounts_that_others_may_exceed_are_not_named_as_drivers(summary: Summary) -> None:
    # Two accounts of twenty are explained. Elsewhere b is short of 1,500, so a third account may be short of up to 1,500 in the slump.
    elsewhere = pl.DataFrame([{"account_id": "b", "scenario_id": "other", "margin_shortfall": 1_500.0}])
    found = drivers(summary, {}, pl.concat([detail(a=2_000.0, b=1_000.0), elsewhere]), None, ())
    assert {fact.label: fact.text for fact in found}["Accounts"] == f"a 50{SPACE}% of the shortfall of 4 accounts"


def test_a_run_without_a_worst_scenario_is_driven_by_nothing(summary: Summary) -> None:
    assert drivers(summary.model_copy(update={"worst": None}), {}, None, None, ()) == ()


def test_key_shocks_and_their_gaps_stand_beside_the_scenarios(tmp_path: Path) -> None:
    folder = generated_run(tmp_path / "run", accounts=20, stressed=3, others=0)
    (folder / "inputs").mkdir()
    shocks = {"factor": ["spot:BTC"], "where": [None], "shift": ["relative"], "value": [-0.5], "annualised": [False]}
    shocks["source"] = ["closes 2022-05-04 to 2022-05-12"]
    pl.DataFrame({"scenario_id": ["luna_2022"], **shocks}, schema_overrides={"where": pl.String}).write_parquet(
        folder / "inputs" / "scenarios.parquet"
    )
    view = facts(folder, AUDIT)
    told = {row.cells[1].below: row.cells[2].text for row in view.scenarios.rows}
    assert told["luna_2022"] == f"BTC {MINUS}50{SPACE}%"
    assert told["black_thursday_2020_close"] == "nothing in this book is shocked"
    assert json.loads((folder / "summary.json").read_text())["scenarios"] == len(told)
    assert [row.cells[2].on_screen for row in view.scenarios.rows].count("closes 2022-05-04 to 2022-05-12") == 1
    assert texts(view.sources) == [["Terra and Luna, seven days of May 2022", "historical", "closes 2022-05-04 to 2022-05-12"]]
    assert view.sources.notes == ("By severity; 2 scenarios without a stated source.",)
