"""What a history keeps of a run, from its summary and identity: one row."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from stresstest.results.documents import canonical
from stresstest.results.identity import Identity
from stresstest.results.summary import Cover, ScenarioFigures, Summary
from stresstest.stress.headline import BASES
from stresstest.tables import LIMIT_STATUSES, RUNS, STATUSES


def figures_of_run(summary: Summary, identity: Identity) -> dict[str, Any]:
    """The row of `runs` of a result, without `finished` and `folder`, which belong to a folder and not to the result.

    What only headline scenarios have is null where there was none: nothing is not the same as no loss.
    """
    counts, resources, largest = summary.counts, summary.resources, summary.worst_accounts[0] if summary.worst_accounts else None
    judged = summary.headline_scenarios > 0
    row: dict[str, Any] = {
        "book": summary.run.book or summary.run.name,
        "as_of": datetime.fromisoformat(summary.run.as_of).astimezone(UTC),
        "result_id": summary.result_id,
        "name": summary.run.name,
        "reporting_currency": summary.run.reporting_currency,
        "specification": specification_sha256(identity.specification),
        "scenarios_sha256": identity.specification["scenarios"],
        "margin_sha256": identity.specification["margin"],
        "code_version": identity.code_version,
        "light": summary.status.light,
        "sentence": summary.status.sentence,
        "scenarios": summary.scenarios,
        "headline_scenarios": summary.headline_scenarios,
        **{name: getattr(counts, name) for name in ("owners", "accounts", "positions", "excluded_accounts", "gross_notional")},
        **_scenario("base", summary.base),
        "worst_scenario_id": summary.worst.scenario_id if summary.worst else None,
        "worst_scenario_name": summary.worst.name if summary.worst else None,
        **_scenario("worst", summary.worst),
        "resources": resources.total if resources else None,
        **{name: getattr(resources, name) if resources else None for name in ("insurance_fund", "skin_in_the_game", "default_fund")},
        **{f"checks_{result}": number for result, number in summary.checks.items()},
        **{f"limits_{status}": getattr(summary.limits, status) for status in LIMIT_STATUSES},
    }
    for basis in BASES:
        covers: tuple[tuple[Literal[1, 2], Cover], ...] = ((1, summary.cover[basis].cover_1), (2, summary.cover[basis].cover_2))
        for n, cover in covers:
            row[f"cover_{n}_{basis}"] = cover.amount if judged else None
            row[f"cover_{n}_scenario_id_{basis}"] = cover.scenario_id
            row[f"cover_{n}_owners_{basis}"] = list(cover.owners)
    short = largest if largest is not None and largest.margin_shortfall > 0.0 else None
    for name in ("account_id", "owner_id", "scenario_id", "margin_shortfall"):
        row["largest_" + (name if name == "account_id" else f"account_{name}")] = getattr(short, name) if short else None
    return row


def specification_sha256(specification: Mapping[str, Any]) -> str:
    """SHA-256 of what was asked but for the moment: of one set of scenarios, margin rules and settings there are runs of many days."""
    return hashlib.sha256(canonical({key: value for key, value in specification.items() if key != "as_of"})).hexdigest()


def _scenario(prefix: str, figures: ScenarioFigures | None) -> dict[str, Any]:
    """The columns of `runs` that hold the figures of a scenario; null without one."""
    statuses = {f"{prefix}_accounts_{status}": number for status, number in _accounts(figures)}
    own = [name for name in RUNS.names if name.startswith(f"{prefix}_") and not name.startswith(f"{prefix}_scenario") and name not in statuses]
    return {name: None if figures is None else getattr(figures, name.removeprefix(f"{prefix}_")) for name in own} | statuses


def _accounts(figures: ScenarioFigures | None) -> list[tuple[str, int | None]]:
    return [(status, None) for status in STATUSES] if figures is None else list(figures.accounts.items())
