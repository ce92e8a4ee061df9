"""The sample data: what its README promises, that the script makes the same bytes, and that a run over it shows the planted cases."""

from __future__ import annotations

import importlib
import itertools
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest
from ruamel.yaml import YAML

from stresstest.config import load_run
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan

pytestmark = pytest.mark.usefixtures("staged_once")

SAMPLE = Path(__file__).parents[2] / "sample_data"
DAYS = ("2026-11-12", "2026-11-13")
TABLES = ("accounts", "owners", "positions", "collateral", "instruments", "assets")
STALE = "HF008-006"


def read(day: str) -> dict[str, pl.DataFrame]:
    return {name: pl.read_parquet(SAMPLE / day / f"{name}.parquet") for name in TABLES}


@pytest.fixture(scope="module", params=DAYS)
def day(request: pytest.FixtureRequest) -> dict[str, pl.DataFrame]:
    return read(request.param)


@pytest.fixture(scope="module")
def margin() -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe").load(SAMPLE / "margin.yaml")
    return document


@pytest.fixture(scope="module")
def margin_rules() -> Iterator[ModuleType]:
    sys.path.insert(0, str(SAMPLE))
    try:
        yield importlib.import_module("venue.margin_rules")
    finally:
        sys.path.remove(str(SAMPLE))


# ------------------------------------------------------------------ what is promised


def test_it_is_as_large_as_promised(day: dict[str, pl.DataFrame]) -> None:
    assert {name: table.height for name, table in day.items() if name != "collateral"} == {
        "accounts": 2_000, "owners": 150, "positions": 25_000, "instruments": 1_500, "assets": 68,
    }  # fmt: skip
    assert day["instruments"]["underlying"].n_unique() == 60
    assert day["positions"]["instrument_id"].n_unique() == 1_500
    assert day["collateral"]["asset"].n_unique() == 15
    assert day["collateral"]["location"].drop_nulls().n_unique() == 10
    assert (day["collateral"]["quantity"] < 0).sum() > 50
    assert (day["positions"]["margin_mode"] == "isolated").sum() > 200
    assert day["accounts"]["segment"].n_unique() == 6
    assert (
        day["accounts"].group_by("netting_group").agg(pl.col("owner_id").n_unique()).filter(pl.col("netting_group").is_not_null())["owner_id"].max()
        == 1
    )
    assert day["positions"]["entry_price"].null_count() == 0


def test_it_has_every_kind_of_instrument(day: dict[str, pl.DataFrame]) -> None:
    kinds = set(day["instruments"].select("kind", "payoff", "premium_style", "vol_type").unique().rows())
    assert kinds == {
        ("perpetual", "linear", None, None), ("perpetual", "inverse", None, None), ("perpetual", "quanto", None, None),
        ("spot", "linear", None, None),
        ("future", "linear", None, None), ("future", "inverse", None, None), ("option", "inverse", "paid", "lognormal"),
        ("option", "linear", "paid", "lognormal"), ("option", "linear", "margined", "lognormal"), ("option", "linear", "paid", "normal"),
    }  # fmt: skip
    assert day["assets"].filter("may_be_negative")["asset"].to_list() == ["WTI-Z26"]


def test_it_is_small() -> None:
    shipped = [file for pattern in ("*.*", "venue/*.py", "20*/*") for file in SAMPLE.glob(pattern) if file.is_file()]
    assert len(shipped) > 25
    assert sum(file.stat().st_size for file in shipped) < 6_000_000


def test_references_resolve(day: dict[str, pl.DataFrame], margin: dict[str, Any]) -> None:
    accounts, assets = day["accounts"], set(day["assets"]["asset"])
    assert set(accounts["owner_id"]) == set(day["owners"]["owner_id"])
    assert set(day["owners"]["clearing_member_id"]) <= set(day["owners"]["owner_id"])
    assert set(day["positions"]["account_id"]) | set(day["collateral"]["account_id"]) <= set(accounts["account_id"])
    assert set(day["positions"]["instrument_id"]) == set(day["instruments"]["instrument_id"])
    named = [
        *(day["instruments"][column] for column in ("underlying", "quote", "settle")),
        day["assets"]["price_currency"],
        day["collateral"]["asset"],
    ]
    assert set().union(*named) <= assets
    assert set(accounts["margin_model"]) == set(margin["models"])
    schedules = {*day["instruments"]["margin_schedule"].drop_nulls(), *day["assets"]["margin_schedule"].drop_nulls()}
    assert schedules == set(margin["margin_schedules"])
    assert set(day["assets"]["collateral_schedule"].drop_nulls()) == set(margin["collateral_schedules"])


def test_every_contract_is_held_long_as_often_as_short(day: dict[str, pl.DataFrame]) -> None:
    derivatives = day["instruments"].filter(pl.col("kind") != "spot").select("instrument_id", "open_interest")
    held = day["positions"].join(derivatives, on="instrument_id")
    sums = held.group_by("instrument_id").agg(pl.col("quantity").sum().abs().alias("net"), pl.col("open_interest").first())
    assert sums.filter(pl.col("net") > 1e-9 * pl.col("open_interest")).is_empty()


def black_76(forward: float, strike: float, deviation: float, sign: int) -> float:
    d1 = math.log(forward / strike) / deviation + deviation / 2

    def normal(x: float) -> float:
        return math.erfc(-x / math.sqrt(2)) / 2

    return sign * (forward * normal(sign * d1) - strike * normal(sign * (d1 - deviation)))


def test_marks_of_options_are_the_model_at_the_stated_vol(day: dict[str, pl.DataFrame], request: pytest.FixtureRequest) -> None:
    rates = dict(day["assets"].select("asset", "rate").iter_rows())
    stated = day["instruments"].filter((pl.col("kind") == "option") & pl.col("forward").is_not_null() & (pl.col("vol_type") == "lognormal"))
    assert stated.height > 1_000
    as_of = day["assets"]["price_time"][0].replace(second=0, microsecond=0, minute=0, hour=21)
    for row in stated.iter_rows(named=True):
        years = (row["expiry"] - as_of).total_seconds() / 31_536_000
        sign = 1 if row["option_type"] == "call" else -1
        price = black_76(row["forward"], row["strike"], row["implied_vol"] * math.sqrt(years), sign)
        if row["payoff"] == "inverse":
            price /= row["forward"]
        elif row["premium_style"] == "paid":
            price *= math.exp(-rates[row["quote"]] * years)
        assert row["mark_price"] == pytest.approx(price, rel=1e-9), row["instrument_id"]


def test_the_second_day_follows_from_the_first() -> None:
    first, second = (
        read(name)["positions"].group_by("account_id", "instrument_id", "margin_mode").agg(pl.col("quantity").sum().round(6)) for name in DAYS
    )
    both = first.join(second, on=["account_id", "instrument_id", "margin_mode"], how="full", suffix="_later", coalesce=True)
    opened, closed = both["quantity"].null_count(), both["quantity_later"].null_count()
    unchanged = (both["quantity"] == both["quantity_later"]).sum()
    assert opened == closed
    assert opened > 300
    assert unchanged > 0.85 * first.height
    assert read(DAYS[0])["instruments"]["mark_price"].equals(read(DAYS[1])["instruments"]["mark_price"]) is False


def test_the_history_ends_at_the_snapshot_and_moves_as_much_as_it_says(day: dict[str, pl.DataFrame], request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.params["day"]
    history = pl.read_parquet(SAMPLE / name / "history.parquet")
    last = date.fromisoformat(name)
    assert (SAMPLE / name / "history.parquet").stat().st_size < 200_000
    assert history["factor"].n_unique() == 66
    assert history["date"].max() == last
    by_factor = {factor: part.sort("date") for (factor,), part in history.group_by("factor")}
    for asset, price, daily_vol in (
        day["assets"].filter(pl.col("asset").is_in(day["instruments"]["underlying"])).select("asset", "price", "daily_vol").iter_rows()
    ):
        values = by_factor[f"spot:{asset}"]["value"].to_list()
        assert values[-1] == price
        days = (last - by_factor[f"spot:{asset}"]["date"][0]).days
        variance = sum(math.log(after / before) ** 2 for before, after in itertools.pairwise(values)) / days
        assert math.sqrt(variance) == pytest.approx(daily_vol, rel=0.02), asset
    weekends = history.filter(pl.col("date").dt.weekday() > 5)
    coins = set(day["assets"].filter(asset_class="crypto")["asset"])
    assert {factor.partition(":")[2] for factor in weekends["factor"]} == coins


def test_one_history_goes_on_from_the_other() -> None:
    first, second = (pl.read_parquet(SAMPLE / name / "history.parquet") for name in DAYS)
    assert second.filter(pl.col("date") <= date.fromisoformat(DAYS[0])).equals(first)
    wide = second.pivot(on="factor", index="date", values="value").sort("date").drop_nulls()
    moves = wide.select(pl.all().exclude("date").log().diff().drop_nulls())
    near = {("spot:BTC", "spot:ETH"): (0.8, 0.95), ("spot:SPX", "vol:SPX"): (-0.9, -0.6), ("spot:WTI-F27", "spot:BRN-F27"): (0.9, 1.0),
            ("spot:BTC", "spot:SPX"): (0.1, 0.5), ("spot:EUR", "spot:CHF"): (0.6, 0.9), ("spot:BTC", "spot:ZC"): (-0.2, 0.2)}  # fmt: skip
    for (one, other), (least, most) in near.items():
        assert least < moves.select(pl.corr(one, other)).item() < most, (one, other)


@pytest.mark.parametrize("name", DAYS)
def test_snapshot_json_says_when(name: str) -> None:
    assert json.loads((SAMPLE / name / "snapshot.json").read_text()) == {"as_of": f"{name}T21:00:00Z", "reporting_currency": "USD"}


# ------------------------------------------------------------------ the script


def test_the_script_makes_the_same_bytes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, SAMPLE / "make_sample.py", tmp_path], check=True, capture_output=True, text=True, timeout=120)
    for name in DAYS:
        made = {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()}
        assert made.keys() == {file.name for file in (SAMPLE / name).iterdir()}
        assert [file for file, content in made.items() if content != (SAMPLE / name / file).read_bytes()] == []


def test_the_venues_own_rules_are_those_of_the_margin_file(margin_rules: ModuleType, margin: dict[str, Any]) -> None:
    def pair(value: Any) -> tuple[float, float]:
        return (value["maintenance"], value["initial"]) if isinstance(value, dict) else (value, value)

    haircuts = {
        name: margin_rules.HaircutSchedule(
            tuple((band["from"], band["haircut"], band.get("initial_haircut", band["haircut"])) for band in each["bands"]),
            each.get("basis", "value"), each.get("currency", "USD"), pair(each.get("liability_weight", 1.0)),
        )
        for name, each in margin["collateral_schedules"].items()
    }  # fmt: skip
    tiers = {
        name: margin_rules.TierSchedule(
            tuple(
                (tier["from"], tier["maintenance_rate"], tier["initial_rate"], tier.get("maintenance_deduction", 0), tier.get("initial_deduction", 0))
                for tier in each.get("tiers", ())
            ),
            each.get("convention", "marginal"), each.get("basis", "value"), each.get("currency", "USD"),
            pair(each["amount_per_contract"]) if "amount_per_contract" in each else None,
            margin_rules.ShortOption(
                *(tuple(each["short_option"][version][key] for version in ("maintenance", "initial")) for key in ("rate", "minimum")),
                each["short_option"]["base"],
            ) if "short_option" in each else None,
        )
        for name, each in margin["margin_schedules"].items()
    }  # fmt: skip
    models = {
        name: margin_rules.MarginModel(
            each["net_by"], each.get("pnl_into", "settle_balance"), pair(each.get("positive_pnl_weight", 1.0)),
            each.get("long_option_credit", 0.0), pair(each.get("spread_rate", 0.0)),
        )
        for name, each in margin["models"].items()
    }  # fmt: skip
    assert haircuts == margin_rules.HAIRCUTS
    assert tiers == margin_rules.TIERS
    assert models == margin_rules.MODELS


# ------------------------------------------------------------------ a run over it


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    settings = load_run(SAMPLE / "run.yaml", {"keep": "breaches", "output.formats": ["json"], "history": None})
    folder = tmp_path_factory.mktemp("sample") / "result"
    execute(plan(settings, folder))
    return {name: pl.read_parquet(folder / f"{name}.parquet") for name in ("account_summary", "scenario_summary", "account_scenario", "data_quality")}


def test_the_venues_figures_reconcile_to_the_cent_but_for_the_stale_account(result: dict[str, pl.DataFrame]) -> None:
    columns = {"equity": "reported_equity", "initial_margin": "reported_initial_margin", "maintenance_margin": "reported_maintenance_margin"}
    both = result["account_summary"].join(read(DAYS[1])["accounts"].select("account_id", *columns.values()), on="account_id")
    off = both.filter(pl.any_horizontal((pl.col(ours) - pl.col(theirs)).abs() > 0.006 for ours, theirs in columns.items()))
    assert off["account_id"].to_list() == [STALE]
    warned = result["data_quality"].filter((pl.col("result") == "warn") & pl.col("check").str.starts_with("reconciliation"))
    assert warned["rows"].to_list() == [1, 1, 1]


def test_what_it_would_take(tmp_path: Path, result: dict[str, pl.DataFrame]) -> None:
    """The run file of the history: what its distances are along is there, every family of its generators, and chances of accounts."""
    settings = load_run(SAMPLE / "run-what-would-it-take.yaml")
    asked = settings.reverse.distance
    assert {f"spot:{name}" for name in ("BTC", "ETH", "SPX", "XAU", "WTI-F27")} | {"vol:BTC"} == set(asked.factors)
    assert set(asked.along) <= set(result["scenario_summary"]["scenario_id"])
    fewer: dict[str, Any] = {"scenarios": [str(SAMPLE / "scenarios-from-history.yaml")], "attribution.accounts": 0, "funding": False}
    fewer |= {"reverse.distance.factors": [], "reverse.distance.along": []}
    execute(plan(load_run(SAMPLE / "run-what-would-it-take.yaml", {"output.formats": ["json"], **fewer}), tmp_path / "out"))
    summary = pl.read_parquet(tmp_path / "out" / "scenario_summary.parquet")
    families = [name.partition(".")[0] for name in summary["scenario_id"]]
    assert (families.count("replay"), families.count("day"), families.count("bitcoin_shock")) == (500, 1000, 2)
    chances = pl.read_parquet(tmp_path / "out" / "account_probabilities.parquet")
    assert chances.filter((pl.col("p_default") > 0.01) & (pl.col("p_default") < 0.2)).height > 5


def test_the_cascade_of_the_sample(tmp_path: Path) -> None:
    """The shocks are those of the house set, and the thinner the market, the more accounts fall by the sales of others."""
    files = ("scenarios.yaml", "scenarios-thin-markets.yaml")
    house, thin = ({each["id"]: each["shocks"] for each in YAML(typ="safe").load((SAMPLE / file).read_text())["scenarios"]} for file in files)
    same = {"black_thursday": "black_thursday_2020_intraday", "everything": "everything_at_once", "coin_rally": "coin_rally"}
    for name, shocks in thin.items():
        moves, depth = shocks, []
        if not name.endswith("deep"):
            moves, depth = shocks[:-1], shocks[-1:]
        assert moves == house[same[name.rpartition("_")[0]]]
        assert [each["factor"] for each in depth] == ["depth:*"] * len(depth)
    quick: dict[str, Any] = {"output.formats": ["json"], "attribution.accounts": 0, "funding": False, "cascade.detail": 0, "cascade.isolated": False}
    execute(plan(load_run(SAMPLE / "run-cascade.yaml", quick), tmp_path / "out"))
    found = pl.read_parquet(tmp_path / "out" / "cascade_summary.parquet")
    by_feedback = dict(found.select("scenario_id", "accounts_liquidated_feedback").iter_rows())
    told = ("black_thursday_deep", "black_thursday_fifth", "black_thursday_tenth")
    assert [by_feedback[name] for name in told] == [0, 4, 8]
    assert found["converged"].all()
    assert pl.read_parquet(tmp_path / "out" / "limits.parquet").select("status").to_series().to_list() == ["green", "amber", "green"]


def test_a_few_accounts_are_weak_at_base(result: dict[str, pl.DataFrame]) -> None:
    base = result["scenario_summary"].row(0, named=True)
    assert [base[f"accounts_{status}"] for status in ("ok", "call", "liquidation", "default")] == [1_987, 11, 2, 0]


@pytest.mark.parametrize(
    ("account", "scenario"),
    [
        ("CC007-001", "negative_oil_2020_04_20"),
        ("HF034-001", "coin_rally"),
        ("PR017-001", "black_thursday_2020_close"),
        ("HF030-001", "black_thursday_2020_intraday"),
        ("HF012-001", "synthetic_stablecoin_failure"),
        ("PR009-001", "bridge_loss"),
    ],
)
def test_planted_cases_default_where_they_should(result: dict[str, pl.DataFrame], account: str, scenario: str) -> None:
    breaches = result["account_scenario"].filter(pl.col("account_id") == account)
    assert breaches.filter(pl.col("scenario_id") == scenario)["status"].to_list() == ["default"]


def test_scenarios_differ_and_cover_2_is_not_trivial(result: dict[str, pl.DataFrame]) -> None:
    summary = result["scenario_summary"].filter("headline")
    assert result["account_summary"]["worst_headline_scenario_id"].n_unique() >= 15
    assert 10 <= summary["owners_in_default"].to_numpy().max() <= 25
    assert (summary["owners_in_default"] == 0).sum() >= 3
    assert summary["cover_2_uncollateralised_loss"].to_numpy().max() > 5e6
    assert summary["cover_2_stress_loss_over_margin"].to_numpy().max() > 2e7
    assert summary["cover_owner_1_stress_loss_over_margin"].n_unique() >= 5
