"""Every table read or written: column, type, unit, nullability and rule.

The single source of column names: the SQL checks of the snapshot, the result tables, the docs and
`stresstest schema` are made from it. Names and types here are a contract: extend, never rename.
"""

from __future__ import annotations

from stresstest.tables.attribution import (
    ATTRIBUTION,
    ATTRIBUTION_KINDS,
    ATTRIBUTION_POSITIONS,
    ATTRIBUTION_SUMMARY,
    ATTRIBUTION_TABLES,
    ATTRIBUTION_WORDS,
    AttributionKind,
)
from stresstest.tables.changes import BREACHES, CHANGE_STEPS, CHANGED_ACCOUNTS, CHANGES, HOW_KNOWN, PRESENCES
from stresstest.tables.comparison import (
    AS_BOOKED,
    COMPARISON_TABLES,
    ISOLATION,
    ISOLATION_POSITIONS,
    ISOLATION_SUMMARY,
    ISOLATION_TABLES,
    MARGIN_COMPARISON,
    MARGIN_COMPARISON_SCENARIO,
    MARGIN_COMPARISON_SUMMARY,
    RULED,
)
from stresstest.tables.distance import DISTANCE, DISTANCE_DIRECTIONS, DISTANCE_TABLES, DISTANCE_TARGETS
from stresstest.tables.draws import (
    ACCOUNT_PROBABILITIES,
    DRAW_FIGURES,
    DRAW_LEVELS,
    DRAW_MEASURES,
    DRAW_STATISTICS,
    DRAW_TABLES,
    MOST_OWNERS,
    OWNER_DISTRIBUTION,
    OWNER_QUANTILES,
    level_name,
)
from stresstest.tables.funding import FUNDING, FUNDING_OWNERS, FUNDING_SUMMARY, FUNDING_TABLES
from stresstest.tables.history import CONTEXT_TABLES, HISTORY_TABLES, KEPT_TABLES, RUN_KEY, RUNS, TREND, with_run_key
from stresstest.tables.inputs import ACCOUNTS, ASSETS, COLLATERAL, HISTORY, INPUT_TABLES, INSTRUMENTS, ORDERS, OWNERS, POSITIONS
from stresstest.tables.limits import LIMIT_HISTORY, LIMIT_STATUSES, LIMITS
from stresstest.tables.model import SCHEMA_VERSION, Column, Rule, Table, Type
from stresstest.tables.results import (
    ACCOUNT_HOLDINGS,
    ACCOUNT_SCENARIO,
    ACCOUNT_STEPS,
    ACCOUNT_SUMMARY,
    COLLATERAL_SUMMARY,
    DATA_QUALITY,
    DETAIL,
    EXCLUDED,
    EXPORT_TABLES,
    HOLDING_KINDS,
    MEASURES,
    OWNER_SCENARIO,
    OWNER_SUMMARY,
    POOL_SCENARIO,
    REPORT_TABLES,
    RUN_TABLES,
    SCENARIO_FACTORS,
    SCENARIO_SUMMARY,
    SEGMENT_SUMMARY,
    STATUSES,
    STEP_KINDS,
)
from stresstest.tables.statistics import (
    CONCENTRATION,
    CONCENTRATION_OWNERS,
    DAYS_TO_LIQUIDATE,
    DISTRIBUTION,
    DISTRIBUTION_MEASURES,
    DISTRIBUTION_STATES,
    STATISTICS_TABLES,
    TOP_OWNERS,
)

__all__ = [
    "ACCOUNTS",
    "ACCOUNT_HOLDINGS",
    "ACCOUNT_PROBABILITIES",
    "ACCOUNT_SCENARIO",
    "ACCOUNT_STEPS",
    "ACCOUNT_SUMMARY",
    "ASSETS",
    "AS_BOOKED",
    "ATTRIBUTION",
    "ATTRIBUTION_KINDS",
    "ATTRIBUTION_POSITIONS",
    "ATTRIBUTION_SUMMARY",
    "ATTRIBUTION_TABLES",
    "ATTRIBUTION_WORDS",
    "BREACHES",
    "CHANGED_ACCOUNTS",
    "CHANGES",
    "CHANGE_STEPS",
    "COLLATERAL",
    "COLLATERAL_SUMMARY",
    "COMPARISON_TABLES",
    "CONCENTRATION",
    "CONCENTRATION_OWNERS",
    "CONTEXT_TABLES",
    "DATA_QUALITY",
    "DAYS_TO_LIQUIDATE",
    "DETAIL",
    "DISTANCE",
    "DISTANCE_DIRECTIONS",
    "DISTANCE_TABLES",
    "DISTANCE_TARGETS",
    "DISTRIBUTION",
    "DISTRIBUTION_MEASURES",
    "DISTRIBUTION_STATES",
    "DRAW_FIGURES",
    "DRAW_LEVELS",
    "DRAW_MEASURES",
    "DRAW_STATISTICS",
    "DRAW_TABLES",
    "EXCLUDED",
    "EXPORT_TABLES",
    "FOLDER_TABLES",
    "FUNDING",
    "FUNDING_OWNERS",
    "FUNDING_SUMMARY",
    "FUNDING_TABLES",
    "HISTORY",
    "HISTORY_TABLES",
    "HOLDING_KINDS",
    "HOW_KNOWN",
    "INPUT_TABLES",
    "INSTRUMENTS",
    "ISOLATION",
    "ISOLATION_POSITIONS",
    "ISOLATION_SUMMARY",
    "ISOLATION_TABLES",
    "KEPT_TABLES",
    "LIMITS",
    "LIMIT_HISTORY",
    "LIMIT_STATUSES",
    "MARGIN_COMPARISON",
    "MARGIN_COMPARISON_SCENARIO",
    "MARGIN_COMPARISON_SUMMARY",
    "MEASURES",
    "MOST_OWNERS",
    "ORDERS",
    "OWNERS",
    "OWNER_DISTRIBUTION",
    "OWNER_QUANTILES",
    "OWNER_SCENARIO",
    "OWNER_SUMMARY",
    "POOL_SCENARIO",
    "POSITIONS",
    "PRESENCES",
    "REPORT_TABLES",
    "RESULT_TABLES",
    "RULED",
    "RUNS",
    "RUN_KEY",
    "RUN_TABLES",
    "SCENARIO_FACTORS",
    "SCENARIO_SUMMARY",
    "SCHEMA_VERSION",
    "SEGMENT_SUMMARY",
    "STATISTICS_TABLES",
    "STATUSES",
    "STEP_KINDS",
    "TOP_OWNERS",
    "TREND",
    "AttributionKind",
    "Column",
    "Rule",
    "Table",
    "Type",
    "level_name",
    "table",
    "with_run_key",
]


RESULT_TABLES: tuple[Table, ...] = (*RUN_TABLES, *COMPARISON_TABLES, *ISOLATION_TABLES, *DISTANCE_TABLES)
"""Tables that a run may have; those that compare, and distances, only where the run file asks for it."""

FOLDER_TABLES: tuple[Table, ...] = (*RESULT_TABLES, *CONTEXT_TABLES)
"""Every table that the folder of a run may have: what it found, and what it learned from earlier runs."""


def table(name: str) -> Table:
    """The input, result, export or history table of that name; KeyError if there is none."""
    for candidate in (*INPUT_TABLES, *FOLDER_TABLES, *EXPORT_TABLES, *HISTORY_TABLES):
        if candidate.name == name:
            return candidate
    raise KeyError(name)
