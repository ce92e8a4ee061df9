"""Finished run folders made from the schemas of the result tables, without the pipeline."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from generated import page_tables, statistics_tables

from stresstest.config.limits import Limit
from stresstest.results.documents import write_document
from stresstest.results.identity import identity
from stresstest.results.limit_sql import Measured
from stresstest.results.limits import judged
from stresstest.results.store import empty, write_table
from stresstest.results.summary import Counts, Resources, RunFacts, summarise
from stresstest.snapshot.book import InputFile
from stresstest.tables import (
    ACCOUNT_HOLDINGS,
    ACCOUNT_STEPS,
    ACCOUNT_SUMMARY,
    COLLATERAL_SUMMARY,
    CONCENTRATION,
    CONCENTRATION_OWNERS,
    DATA_QUALITY,
    DAYS_TO_LIQUIDATE,
    DETAIL,
    DISTRIBUTION,
    FUNDING,
    FUNDING_OWNERS,
    FUNDING_SUMMARY,
    FUNDING_TABLES,
    LIMITS,
    MEASURES,
    OWNER_SCENARIO,
    OWNER_SUMMARY,
    SCENARIO_SUMMARY,
    SEGMENT_SUMMARY,
    STATUSES,
)

MEASURE_NAMES = tuple(column.name for column in MEASURES)
BASES = ("stress_loss_over_margin", "uncollateralised_loss")

AUDIT: dict[str, Any] = {
    "command": (
        "/opt/venv/bin/stresstest",
        "run",
        "/home/jo/night/run.yaml",
        "--out",
        "/home/jo/results/today",
        "--set",
        "resources.default_fund=3e6",
    ),
    "versions": {"python": "3.11.7", "stresstest": "0.1.0", "polars": "2.1.0"},
    "seed": None,
    "inputs": [
        {
            "table": name,
            "path": f"/home/jo/night/snapshot/{name}.parquet",
            "rows": rows,
            "bytes": rows * 24,
            "sha256": hashlib.sha256(name.encode()).hexdigest(),
        }
        for name, rows in (("accounts", 2000), ("assets", 60), ("collateral", 5213), ("instruments", 1500), ("owners", 150), ("positions", 25117))
    ],
}

SCENARIOS: tuple[tuple[str, str, str], ...] = (
    ("black_thursday_2020_close", "Covid Black Thursday, close to close", "historical"),
    ("black_thursday_2020_low", "Covid Black Thursday, close to low", "historical"),
    ("luna_2022", "Terra and Luna, seven days of May 2022", "historical"),
    ("ftx_2022", "FTX failure, November 2022", "historical"),
    ("china_ban_2021", "China mining ban, 19 May 2021", "historical"),
    ("usdc_depeg_2023", "USDC below the dollar, March 2023", "historical"),
    ("lehman_2008", "Lehman week, September 2008", "historical"),
    ("volmageddon_2018", "Volmageddon, 5 February 2018", "historical"),
    ("wti_negative_2020", "WTI below zero, 20 April 2020", "historical"),
    ("snb_2015", "Swiss franc unpegged, January 2015", "historical"),
    ("gilts_2022", "Gilt and pension fund crisis, September 2022", "historical"),
    ("yen_carry_2024", "Yen carry unwind, 5 August 2024", "historical"),
    ("october_2025", "Liquidation wave of 10 October 2025", "historical"),
    ("crypto_up_50", "Crypto up by half", "hypothetical"),
    ("crypto_down_30", "Crypto down 30 %", "hypothetical"),
    ("crypto_down_60", "Crypto down 60 %", "hypothetical"),
    ("vol_up_100", "All vols doubled", "hypothetical"),
    ("vol_down_40", "All vols down 40 %", "hypothetical"),
    ("rates_up_200bp", "Rates up 200 bp, equities down 15 %", "hypothetical"),
    ("dollar_squeeze", "Dollar up 12 % against all", "hypothetical"),
    ("oil_spike", "Oil up 45 %, gas up 60 %", "hypothetical"),
    ("bridge_loss", "Bridge of staked coins fails", "operational"),
    ("custodian_freeze", "Largest custodian frozen", "operational"),
    ("margin_hike", "Margin rates up by half", "operational"),
)


def status_of(equity: np.ndarray, balance: np.ndarray, maintenance: np.ndarray, initial: np.ndarray) -> np.ndarray:
    return np.select([equity < -0.01, balance < maintenance - 0.01, balance * 0.99 < initial - 0.01], [3, 2, 1], 0)


def write_run(
    folder: Path,
    measures: Mapping[str, np.ndarray],
    scenarios: Sequence[tuple[str, str, str, bool]],
    accounts: Sequence[Mapping[str, Any]],
    checks: Sequence[Mapping[str, Any]],
    resources: float | None = None,
    excluded: int = 0,
    name: str = "House set 2026-Q4",
    limits: bool = False,
) -> Path:
    """A run folder from arrays of accounts by scenarios (base first); every derived table follows from them."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = [scenario[0] for scenario in scenarios]
    status = measures["status"]
    owners = [account["owner_id"] for account in accounts]
    rank = list(range(1, len(ids)))
    headroom = measures["margin_balance"] - measures["maintenance_margin"]

    def worst(columns: list[int], row: int) -> int | None:
        return min(columns, key=lambda column: headroom[row, column]) if columns else None

    headline = [column for column in rank if scenarios[column][3]]
    summary_rows, owner_rows, scenario_rows = [], [], []
    for row, account in enumerate(accounts):
        record = dict(account)
        record |= {measure: float(measures[measure][row, 0]) for measure in MEASURE_NAMES if measure in ACCOUNT_SUMMARY.names}
        record["status"] = STATUSES[status[row, 0]]
        for prefix, columns in (("worst_headline", headline), ("worst", rank)):
            at = worst(columns, row)
            record[f"{prefix}_scenario_id"] = None if at is None else ids[at]
            record[f"{prefix}_status"] = None if at is None else STATUSES[status[row, at]]
            record |= {f"{prefix}_{measure}": None if at is None else float(measures[measure][row, at]) for measure in MEASURE_NAMES}
        summary_rows.append(record)
    for column, (scenario_id, label, family, is_headline) in enumerate(scenarios):
        record = {"scenario_id": scenario_id, "name": label, "family": family, "headline": is_headline, "horizon_days": 1.0, "weight": None}
        record |= {measure: float(measures[measure][:, column].sum()) for measure in MEASURE_NAMES}
        record |= {f"accounts_{word}": int((status[:, column] == code).sum()) for code, word in enumerate(STATUSES)}
        record["accounts_newly_breached"] = int(((status[:, column] >= 2) & (status[:, 0] < 2)).sum())
        record["owners_in_default"] = len({owner for owner, code in zip(owners, status[:, column], strict=True) if code == 3})
        for basis in BASES:
            losses: dict[str, float] = {}
            for owner, loss in zip(owners, measures[basis][:, column], strict=True):
                losses[owner] = losses.get(owner, 0.0) + float(loss)
            largest = [(owner, loss) for owner, loss in sorted(losses.items(), key=lambda item: (-item[1], item[0])) if loss > 0]
            for n in (1, 2):
                record[f"cover_{n}_{basis}"] = sum(loss for _, loss in largest[:n])
                record[f"cover_owner_{n}_{basis}"] = largest[n - 1][0] if len(largest) >= n else None
            owner_rows += [
                {"scenario_id": scenario_id, "basis": basis, "rank": place, "owner_id": owner, "loss": loss}
                for place, (owner, loss) in enumerate(largest[:10], 1)
            ]
        short = measures["margin_shortfall"][:, column]
        record["largest_account_id"] = accounts[int(short.argmax())]["account_id"] if short.max() > 0 else None
        record["largest_account_margin_shortfall"] = float(short.max())
        scenario_rows.append(record)
    thinnest = sorted(range(len(accounts)), key=lambda row: headroom[row].min())[:50]
    detail_rows = [
        {
            "owner_id": owners[row],
            "account_id": accounts[row]["account_id"],
            "scenario_id": ids[column],
            "worst_row": None,
            "status": STATUSES[status[row, column]],
            **{measure: float(measures[measure][row, column]) for measure in MEASURE_NAMES},
        }
        for row in thinnest
        for column in range(len(ids))
    ]
    pages = _page_tables(measures, accounts, ids, headline)
    frames = {}
    for table, rows in (
        *pages,
        (ACCOUNT_SUMMARY, summary_rows),
        (SCENARIO_SUMMARY, scenario_rows),
        (OWNER_SCENARIO, owner_rows),
        (DETAIL, detail_rows),
        (DATA_QUALITY, checks),
        (LIMITS, _limits(accounts) if limits else []),
    ):
        frame = pl.DataFrame(rows, schema=empty(table).schema) if rows else empty(table)
        frames[table.name] = frame
        write_table(frame, table, folder / f"{table.name}.parquet", ids)
    stated = identity(
        {"as_of": "2026-11-19T16:00:00Z", "statistics": {"volume_share": 0.2, "top": 10}},
        [InputFile("positions", "positions.parquet", 1, 1, "00")],
        "0.1.0",
        folder,
    )
    write_document(stated, folder / "result.json")
    parts = (
        None
        if resources is None
        else Resources(insurance_fund=0.5 * resources, skin_in_the_game=0.1 * resources, default_fund=0.4 * resources, total=resources)
    )
    counts = Counts(
        owners=len(set(owners)),
        pools=len(accounts),
        positions=sum(account["positions"] for account in accounts),
        lots=len(accounts) * 9,
        instruments=1500,
        assets=60,
        excluded_accounts=excluded,
        incomplete_owners=min(excluded, 2),
    )
    run = RunFacts(name=name, snapshot_label="snapshot", as_of="2026-11-19T16:00:00Z", reporting_currency="USD")
    write_document(
        summarise(
            stated.result_id,
            run,
            counts,
            parts,
            frames["account_summary"],
            frames["scenario_summary"],
            frames["data_quality"],
            frames["owner_scenario"].with_columns(name=pl.lit(None, dtype=pl.String)),
            frames["limits"],
            funding=frames["funding_summary"],
        ),
        folder / "summary.json",
    )
    return folder


def _limits(accounts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A limit of every status; names as those of accounts."""
    about, name = accounts[0]["account_id"], accounts[0]["name"] or "Fund"
    given: list[tuple[dict[str, Any], Measured]] = [
        ({"built_in": "cover_2_to_resources", "amber": 0.8, "red": 1.0, "owner": name, "scope": name}, Measured(1.24, about)),
        ({"built_in": "account_shortfall", "amber": 1e6, "red": 2e6}, Measured(1.5e6, about)),
        ({"sql": "SELECT 1 -- <script>", "amber": 1.5, "red": 1.1, "unit": "share"}, Measured(None, None, "it gave no row")),
        ({"built_in": "failed_checks", "red": 0}, Measured(0.0)),
    ]
    limits = [Limit.model_validate({"name": f"{place} {name}", **limit}) for place, (limit, _) in enumerate(given, 1)]
    return [judged(limit, found) | {"place": place} for place, (limit, (_, found)) in enumerate(zip(limits, given, strict=True), 1)]


def _page_tables(
    measures: Mapping[str, np.ndarray], accounts: Sequence[Mapping[str, Any]], ids: Sequence[str], headline: Sequence[int]
) -> list[tuple[Any, list[dict[str, Any]]]]:
    """The tables of the report's pages; those of the worst headline scenario empty where no scenario counts."""
    owners = sorted({str(account["owner_id"]) for account in accounts})
    concentration, largest = statistics_tables.concentration_rows(owners)
    statistics = [
        (CONCENTRATION, concentration),
        (CONCENTRATION_OWNERS, largest),
        (DISTRIBUTION, statistics_tables.distribution_rows(measures, bool(headline))),
        (DAYS_TO_LIQUIDATE, statistics_tables.longest_rows(accounts)),
    ]
    if not headline:
        return [
            *statistics,
            *((table, []) for table in (SEGMENT_SUMMARY, OWNER_SUMMARY, COLLATERAL_SUMMARY, ACCOUNT_STEPS, ACCOUNT_HOLDINGS, *FUNDING_TABLES)),
        ]
    short = measures["margin_shortfall"]
    worst = min(headline, key=lambda column: (-short[:, column].sum(), measures["pnl"][:, column].sum()))
    steps, holdings = [], []
    for row in sorted(range(len(accounts)), key=lambda row: (-short[row, headline].max(), accounts[row]["account_id"]))[:10]:
        at = max(headline, key=lambda column: short[row, column])
        key = (accounts[row]["owner_id"], accounts[row]["account_id"], ids[at])
        steps += page_tables.step_rows(*key, {name: (float(measures[name][row, 0]), float(measures[name][row, at])) for name in MEASURE_NAMES})
        holdings += page_tables.holding_rows(*key, 3 + row % 12, accounts[row]["name"] or "BTC-PERP")
    called = page_tables.funding_rows(measures, accounts, ids, (0, *headline))
    return [
        *zip((FUNDING, FUNDING_SUMMARY, FUNDING_OWNERS), called, strict=True),
        *statistics,
        (SEGMENT_SUMMARY, page_tables.segment_rows(measures, accounts, ids, (0, worst))),
        (OWNER_SUMMARY, page_tables.owner_rows(measures, accounts, ids, headline)),
        (COLLATERAL_SUMMARY, page_tables.collateral_rows(float(measures["equity"][:, 0].clip(0).sum()), ids, (0, worst))),
        (ACCOUNT_STEPS, steps),
        (ACCOUNT_HOLDINGS, holdings),
    ]


CHECKS: tuple[dict[str, Any], ...] = (
    {
        "check": "reconciliation of equity",
        "severity": "info",
        "result": "pass",
        "subject": "accounts",
        "tolerance": 0.001,
        "value": 0.0000213,
        "rows": 2000,
        "notional": 5.1e9,
        "message": "2,000 accounts agree with reported_equity; the largest relative deviation is 0.0000213",
    },
    {
        "check": "reconciliation of maintenance margin",
        "severity": "warning",
        "result": "warn",
        "subject": "accounts",
        "tolerance": 0.001,
        "value": 0.0142,
        "rows": 3,
        "notional": 1.2e7,
        "message": "3 of 2,000 accounts differ from reported_maintenance_margin by more than the tolerance; largest: A-0117",
    },
    {
        "check": "stale prices",
        "severity": "warning",
        "result": "warn",
        "subject": "assets",
        "tolerance": 86400.0,
        "value": 93712.0,
        "rows": 2,
        "notional": 3.4e6,
        "message": "2 prices are older than max_price_age (seconds): COCOA, STETH",
    },
    {
        "check": "unshocked notional",
        "severity": "info",
        "result": "pass",
        "subject": "oil_spike",
        "tolerance": 1.0,
        "value": 0.71,
        "rows": 18412,
        "notional": 3.6e9,
        "message": "71 % of gross notional is in factors that this scenario does not move",
    },
    {
        "check": "vols clamped",
        "severity": "info",
        "result": "pass",
        "subject": "vol_up_100",
        "tolerance": None,
        "value": 0.0,
        "rows": 0,
        "notional": None,
        "message": "no vol reached the limits",
    },
    {
        "check": "rows of positions",
        "severity": "info",
        "result": "pass",
        "subject": "positions",
        "tolerance": 0.0,
        "value": 0.0,
        "rows": 25117,
        "notional": None,
        "message": "25,117 rows read: 25,117 used, 0 excluded.",
    },
    {
        "check": "implied vol",
        "severity": "info",
        "result": "pass",
        "subject": "instruments",
        "tolerance": None,
        "value": 12.0,
        "rows": 12,
        "notional": 812000.0,
        "message": "12 of 840 options have no root and keep their given vol",
    },
    {
        "check": "exclusions",
        "severity": "info",
        "result": "pass",
        "subject": "accounts",
        "tolerance": 0.01,
        "value": 0.0,
        "rows": 0,
        "notional": 0.0,
        "message": "no account was excluded",
    },
)


def generated_run(
    folder: Path,
    accounts: int = 2000,
    seed: int = 5,
    calm: bool = False,
    headline: bool = True,
    stressed: int = len(SCENARIOS),
    others: int = 3,
    names: Callable[[int], str | None] | None = None,
    resources: float | None = 30e6,
    excluded: int = 0,
    limits: bool = False,
) -> Path:
    """A plausible venue: most accounts fine, scenarios ranking differently; `calm`: nobody falls short; `limits`: one of every status."""
    random = np.random.default_rng(seed)
    label = names or (lambda _: None)
    scenarios = [("base", "Base", "base", False)]
    scenarios += [(key, label(place) or shown, family, headline) for place, (key, shown, family) in enumerate(SCENARIOS[:stressed])]
    scenarios += [(f"ladder_{step:02d}", f"Market ladder, step {step}", "sensitivity", False) for step in range(others)]
    shape = (accounts, len(scenarios))
    size = np.exp(random.normal(12.3, 1.9, accounts))
    leverage = np.exp(random.normal(0.3, 0.8, accounts)).clip(0.05, 9.0)
    factors = random.normal(0.0, 1.0, (accounts, 4))
    shocks = random.normal(0.0, 1.0, (4, len(scenarios))) * np.exp(random.normal(-2.6, 0.6, len(scenarios)))
    shocks[:, 0] = 0.0
    notional = size * leverage
    position_pnl = notional[:, None] * (factors @ shocks) * (0.02 if calm else 0.33)
    collateral_value = size[:, None] * (1.0 - (0.0 if calm else 1.0) * np.abs(shocks[0]) * 0.4)[None, :] * np.ones(shape)
    equity = collateral_value + position_pnl
    maintenance = notional[:, None] * 0.045 * np.ones(shape) * (0.3 if calm else 1.0)
    initial = maintenance * 1.6
    balance = equity * 0.94
    measures = {
        "equity": equity,
        "pnl": equity - equity[:, :1],
        "position_pnl": position_pnl,
        "collateral_pnl": collateral_value - collateral_value[:, :1],
        "collateral_value": collateral_value,
        "margin_balance_initial": balance * 0.99,
        "margin_balance": balance,
        "initial_margin": initial,
        "maintenance_margin": maintenance,
        "initial_shortfall": np.maximum(0.0, initial - balance * 0.99),
        "margin_shortfall": np.maximum(0.0, maintenance - balance),
        "uncollateralised_loss": np.maximum(0.0, -equity),
        "stress_loss_over_margin": np.maximum(0.0, -position_pnl - initial[:, :1]),
        "status": status_of(equity, balance, maintenance, initial),
    }
    segments = ("retail", "market maker", "fund", "corporate")
    rows = [
        {
            "owner_id": (label(row) or "OWN") + f"-{random.integers(0, max(2, accounts // 13)):03d}",
            "account_id": f"A-{row:05d}",
            "name": names(row) if names else None,
            "segment": segments[row % 4],
            "positions": int(random.integers(1, 30)),
            "pools": 1,
            "gross_notional": float(notional[row]),
        }
        for row in range(accounts)
    ]
    checks = [{**check, "message": label(place) or check["message"]} for place, check in enumerate(CHECKS)]
    return write_run(folder, measures, scenarios, rows, checks, resources, excluded, name=label(0) or "House set 2026-Q4", limits=limits)


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "X" * 200,
    "شركة الاختبار للتجارة",
    "חברה \u202egnp.exe",
    "Emoji 🚀🔥 & Söhne Łódź Ωμέγα",
    "a\x00b\x1bc\u2028d",
    "{{ 7 * 7 }}",
    "]]></style><!--",
    "url(http://evil.example/x)",
    '=HYPERLINK("http://evil.example")',
    "  ",
    "tab\tname",
)
