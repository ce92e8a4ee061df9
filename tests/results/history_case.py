"""Run folders with what a history reads of them, made without a stress test."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from stresstest.results.documents import canonical, write_document
from stresstest.results.identity import Identity
from stresstest.results.light import Light, Status
from stresstest.results.manifest import Machine, Manifest, sha256_text
from stresstest.results.store import polars_schema, write_table
from stresstest.results.summary import AccountFigures, BookFigures, Cover, CoverFigures, Resources, RunFacts, ScenarioFigures, Summary
from stresstest.tables import MEASURES, SCENARIO_SUMMARY

FRIDAY = datetime(2026, 11, 13, 21, tzinfo=UTC)
NIGHT = timedelta(hours=1)
STANDING = {"scenarios": "5" * 64, "margin": "4" * 64, "keep": "breaches"}


def scenario(scenario_id: str, accounts: tuple[int, int, int, int], **figures: float) -> ScenarioFigures:
    measures = {column.name: 0.0 for column in MEASURES} | figures
    statuses = dict(zip(("ok", "call", "liquidation", "default"), accounts, strict=True))
    return ScenarioFigures.model_validate(
        {
            "scenario_id": scenario_id,
            "name": scenario_id.title(),
            **measures,
            "accounts": statuses,
            "accounts_newly_breached": 0,
            "owners_in_default": 0,
        }
    )


def written_run(
    folder: Path,
    as_of: datetime = FRIDAY,
    *,
    book: str = "Meridian Exchange",
    finished: datetime | None = None,
    cover_1: float = 60.0,
    cover_2: float = 100.0,
    shortfall: float = 70.0,
    resources: float | None = 90.0,
    accounts: tuple[int, int, int, int] = (7, 2, 1, 0),
    warnings: int = 1,
    light: Light = "amber",
    currency: str = "USD",
    headline: bool = True,
    asked: Mapping[str, Any] = STANDING,
) -> Path:
    """A run folder whose summary, identity, manifest and scenario summary say this; Cover by stress loss over margin, half of it by loss."""
    folder.mkdir(parents=True)
    specification = {"as_of": as_of.isoformat(), "reporting_currency": currency, **asked}
    result_id = sha256_text(canonical([specification, book, cover_1, cover_2, shortfall, list(accounts), warnings, light]))

    def covers(part: float) -> CoverFigures:
        one, two = (("CC007",), ("CC007", "HF034")) if headline else ((), ())
        crash = "crash" if headline else None
        return CoverFigures(
            cover_1=Cover(amount=part * cover_1, scenario_id=crash, owners=one, lower_bound=False),
            cover_2=Cover(amount=part * cover_2, scenario_id=crash, owners=two, lower_bound=False),
        )

    worst = AccountFigures(
        account_id="CC007-001", owner_id="CC007", name=None, base_status="ok", scenario_id="crash", status="liquidation", equity=1.0,
        margin_balance=1.0, maintenance_margin=1.0 + shortfall, margin_shortfall=shortfall, uncollateralised_loss=0.0,
    )  # fmt: skip
    summary = Summary(
        result_id=result_id,
        run=RunFacts(name=f"{book}, {as_of:%d %B}", snapshot_label="day", as_of=as_of.isoformat(), reporting_currency=currency, book=book),
        status=Status(light=light, sentence="As the test says.", reasons=()),
        counts=BookFigures(
            owners=5, accounts=sum(accounts), pools=10, positions=40, lots=41, instruments=8, assets=4, gross_notional=5000.0, excluded_accounts=0,
            incomplete_owners=0,
        ),
        resources=None if resources is None else Resources(insurance_fund=resources, skin_in_the_game=0.0, default_fund=0.0, total=resources),
        scenarios=2,
        headline_scenarios=int(headline),
        base=scenario("base", (9, 1, 0, 0), equity=1000.0),
        worst=scenario("crash", accounts, margin_shortfall=shortfall) if headline else None,
        cover={"stress_loss_over_margin": covers(1.0), "uncollateralised_loss": covers(0.5)},
        owner_names={},
        worst_accounts=(worst,) if headline else (),
        checks={"pass": 3, "warn": warnings, "fail": 0},
    )  # fmt: skip
    write_document(summary, folder / "summary.json")
    write_document(
        Identity(result_id=result_id, specification=specification, inputs={}, code_version="0.1.0", code="c" * 64, tables={}), folder / "result.json"
    )
    ended = (finished or as_of + NIGHT).isoformat()
    manifest = Manifest(
        result_id=result_id, command=(), started=ended, finished=ended, snapshot="day", margin="margin.yaml", versions={}, seed=0, executor="threads",
        workers=1, machine=Machine(system="", architecture="", cpu="", cpu_features=(), cpus=1), inputs=(), tables={}, stages=(), peak_memory=0,
        reused_blocks=0, reports={},
    )  # fmt: skip
    write_document(manifest, folder / "manifest.json")
    write_table(scenario_rows(shortfall), SCENARIO_SUMMARY, folder / "scenario_summary.parquet", ("base", "crash"))
    return folder


def scenario_rows(shortfall: float) -> pl.DataFrame:
    """A scenario summary of base and crash."""
    plain: dict[str, Any] = {"string": "x", "float": 0.0, "integer": 0, "boolean": False}
    rows = [
        {column.name: plain[column.type] for column in SCENARIO_SUMMARY.columns} | {"scenario_id": name, "margin_shortfall": amount}
        for name, amount in (("base", 0.0), ("crash", shortfall))
    ]
    return pl.DataFrame(rows, schema=polars_schema(SCENARIO_SUMMARY))
