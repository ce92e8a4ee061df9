"""What a history keeps of every run, and what a run tells of those before it."""

from __future__ import annotations

from stresstest.tables.changes import CHANGED_ACCOUNTS, CHANGES
from stresstest.tables.limits import LIMIT_HISTORY, LIMIT_STATUSES, LIMITS
from stresstest.tables.model import Column, Table
from stresstest.tables.results import MEASURES, SCENARIO_SUMMARY, STATUSES

_MONEY = "reporting currency"
_BASES = ("stress_loss_over_margin", "uncollateralised_loss")

_AT_BASE = ("equity", "collateral_value", "margin_balance", "initial_margin", "maintenance_margin", "initial_shortfall", "margin_shortfall",
            "uncollateralised_loss")  # fmt: skip
_IN_WORST = ("equity", "pnl", "position_pnl", "collateral_pnl", "initial_shortfall", "margin_shortfall", "uncollateralised_loss",
             "stress_loss_over_margin")  # fmt: skip

RUN_KEY: tuple[Column, ...] = (
    Column("book", "string", "what the series of runs is about: `book` of the run file, else its name", nullable=False),
    Column("as_of", "timestamp", "moment of the snapshot, UTC", nullable=False),
    Column("result_id", "string", "identity of the result", nullable=False),
    Column("finished", "timestamp", "when the run ended, UTC", nullable=False),
)
"""Which run a row of a history is of."""


def _text(name: str, doc: str, *, nullable: bool = False, choices: tuple[str, ...] = ()) -> Column:
    return Column(name, "string", doc, nullable=nullable, choices=choices)


def _count(name: str, doc: str, unit: str, *, nullable: bool = False) -> Column:
    return Column(name, "integer", doc, unit, nullable=nullable)


def _money(name: str, doc: str, *, nullable: bool = True) -> Column:
    return Column(name, "float", doc, _MONEY, nullable=nullable)


def _measures(prefix: str, names: tuple[str, ...], where: str, *, nullable: bool) -> tuple[Column, ...]:
    docs = {column.name: column.doc for column in MEASURES}
    return tuple(_money(f"{prefix}_{name}", f"{docs[name]}, {where}", nullable=nullable) for name in names)


def _statuses(prefix: str, where: str, *, nullable: bool) -> tuple[Column, ...]:
    return tuple(
        _count(f"{prefix}_accounts_{status}", f"accounts with status {status}, {where}", "accounts", nullable=nullable) for status in STATUSES
    )


_FIGURES: tuple[Column, ...] = (
    _text("name", "title of the report"),
    _text("reporting_currency", "currency of every amount"),
    _text("specification", "SHA-256 of what was asked but for the moment: equal in runs of one set of scenarios, rules and settings"),
    _text("scenarios_sha256", "SHA-256 of the scenarios as understood"),
    _text("margin_sha256", "SHA-256 of the margin file as understood"),
    _text("code_version", "version of stresstest"),
    _text("light", "status light", choices=("green", "amber", "red")),
    _text("sentence", "the sentence beside the light"),
    _count("scenarios", "scenarios, base included", "scenarios"),
    _count("headline_scenarios", "scenarios that count for worst, Cover-N and limits", "scenarios"),
    _count("owners", "owners", "owners"),
    _count("accounts", "accounts", "accounts"),
    _count("positions", "netted positions", "rows"),
    _count("excluded_accounts", "accounts left out: Cover-N is a lower bound where there are any", "accounts"),
    _money("gross_notional", "sum of absolute notionals at base", nullable=False),
    *_measures("base", _AT_BASE, "at base", nullable=False),
    *_statuses("base", "at base", nullable=False),
    _count("base_owners_in_default", "owners in default at base", "owners"),
    _text("worst_scenario_id", "headline scenario with the largest margin shortfall; null: no headline scenario", nullable=True),
    _text("worst_scenario_name", "its display name", nullable=True),
    *_measures("worst", _IN_WORST, "in the worst headline scenario", nullable=True),
    *_statuses("worst", "in the worst headline scenario", nullable=True),
    _count("worst_accounts_newly_breached", "accounts in liquidation or default there that are not at base", "accounts", nullable=True),
    _count("worst_owners_in_default", "owners in default there", "owners", nullable=True),
    *(
        column
        for basis in _BASES
        for n in (1, 2)
        for column in (
            _money(f"cover_{n}_{basis}", f"Cover-{n}: largest sum, over headline scenarios, of the {n} largest owner losses; null: none was run"),
            _text(f"cover_{n}_scenario_id_{basis}", "the scenario that sets it; null: nobody loses", nullable=True),
            Column(f"cover_{n}_owners_{basis}", "string list", "the owners whose losses it sums"),
        )
    ),
    _text("largest_account_id", "account with the largest margin shortfall in its worst headline scenario; null: none has any", nullable=True),
    _text("largest_account_owner_id", "its owner", nullable=True),
    _text("largest_account_scenario_id", "that scenario", nullable=True),
    _money("largest_account_margin_shortfall", "its margin shortfall there"),
    _money("resources", "what stands behind a default, in all; null: not stated"),
    _money("insurance_fund", "of it the insurance fund"),
    _money("skin_in_the_game", "of it the venue's own"),
    _money("default_fund", "of it the default fund"),
    *(_count(f"checks_{result}", f"data checks with result {result}", "checks") for result in ("pass", "warn", "fail")),
    *(_count(f"limits_{status}", f"limits that are {status}", "limits", nullable=True) for status in LIMIT_STATUSES),
)

RUNS = Table(
    "runs",
    "One row a run: what a history knows of it. Other tables of a history have the first four columns before their own.",
    (
        *RUN_KEY,
        _text("folder", "result folder of the run, from the history folder on"),
        _text("manifest_sha256", "SHA-256 of its manifest without what `report` renews: the next run of the book notes it", nullable=True),
        *_FIGURES,
    ),
    key=("as_of", "result_id", "finished"),
)


def with_run_key(table: Table) -> Table:
    """A table of a run as a history keeps it: which run first, then its own columns."""
    return Table(table.name, table.doc, (*RUN_KEY, *table.columns), key=("as_of", "result_id", "finished", *table.key))


KEPT_TABLES: tuple[Table, ...] = (SCENARIO_SUMMARY, LIMITS)
"""Result tables of which a history keeps a copy of every run that has them."""

HISTORY_TABLES: tuple[Table, ...] = (RUNS,)
"""Tables that only a history has."""

TREND = Table(
    "trend",
    "Twelve months of runs of this book up to this one, one row a moment; runs that ended later take the place of earlier ones of the same moment.",
    (*RUN_KEY[:3], *_FIGURES),
    key=("as_of",),
)

CONTEXT_TABLES: tuple[Table, ...] = (TREND, LIMIT_HISTORY, CHANGES, CHANGED_ACCOUNTS)
"""What a run learned from earlier runs. Never in `result.json` nor the result id; `manifest.json` states their hashes."""
