"""The tables of a run, and those that other commands write."""

from __future__ import annotations

from stresstest.tables.attribution import ATTRIBUTION_TABLES
from stresstest.tables.draws import DRAW_TABLES
from stresstest.tables.funding import FUNDING_TABLES
from stresstest.tables.limits import LIMITS
from stresstest.tables.model import Column, Table
from stresstest.tables.statistics import STATISTICS_TABLES

STATUSES = ("ok", "call", "liquidation", "default")
"""From best to worst; the integer code of a status is its place here."""

_MONEY = "reporting currency"

MEASURES: tuple[Column, ...] = (
    Column("equity", "float", "balances at spot plus value of positions", _MONEY, nullable=False),
    Column("pnl", "float", "equity less equity at base", _MONEY, nullable=False),
    Column("position_pnl", "float", "change of the value of positions", _MONEY, nullable=False),
    Column("collateral_pnl", "float", "change of the value of balances", _MONEY, nullable=False),
    Column("collateral_value", "float", "balances at stressed spot, before haircut, without P&L", _MONEY, nullable=False),
    Column("margin_balance_initial", "float", "balance after initial haircuts", _MONEY, nullable=False),
    Column("margin_balance", "float", "balance after maintenance haircuts", _MONEY, nullable=False),
    Column("initial_margin", "float", "initial requirement", _MONEY, nullable=False),
    Column("maintenance_margin", "float", "maintenance requirement", _MONEY, nullable=False),
    Column("initial_shortfall", "float", "initial requirement not covered: the margin call", _MONEY, nullable=False),
    Column("margin_shortfall", "float", "maintenance requirement not covered: where a liquidation starts", _MONEY, nullable=False),
    Column("uncollateralised_loss", "float", "equity below zero: what others pay", _MONEY, nullable=False),
    Column("stress_loss_over_margin", "float", "position loss above base initial margin", _MONEY, nullable=False),
)
"""The figures of a pool or an account in a scenario, in the order in which the engine holds them."""

_STATUS = Column("status", "string", "worst state of its pools", nullable=False, choices=STATUSES)
_WORST_ROW = Column("worst_row", "string", "row of the margin grid that sets the requirement; null without a grid")


def _id(name: str, doc: str) -> Column:
    return Column(name, "string", doc, nullable=False)


_OWNER, _ACCOUNT, _POOL, _SCENARIO = (
    _id("owner_id", "the owner"),
    _id("account_id", "the account"),
    _id("pool_id", "the margin pool"),
    _id("scenario_id", "the scenario"),
)

ACCOUNT_SCENARIO = Table(
    "account_scenario",
    "Figures per account and scenario; which rows are stored is `keep`.",
    (_OWNER, _ACCOUNT, _SCENARIO, *MEASURES, _STATUS, _WORST_ROW),
    key=("account_id", "scenario_id"),
)
POOL_SCENARIO = Table(
    "pool_scenario",
    "The same per margin pool, for accounts with isolated pools.",
    (_OWNER, _ACCOUNT, _POOL, _SCENARIO, *MEASURES, _STATUS, _WORST_ROW),
    key=("account_id", "pool_id", "scenario_id"),
)
DETAIL = Table("detail", "All scenarios of the 50 worst accounts.", ACCOUNT_SCENARIO.columns, key=("account_id", "scenario_id"))


def _prefixed(prefix: str) -> tuple[Column, ...]:
    scenario = Column(
        f"{prefix}_scenario_id",
        "string",
        "scenario with the largest margin shortfall, without any the smallest balance less requirement; null: no scenario",
    )
    status = Column(f"{prefix}_status", "string", "status there", choices=STATUSES)
    return (scenario, *(Column(f"{prefix}_{c.name}", c.type, c.doc + ", there", c.unit) for c in MEASURES), status)


_BASE_MEASURES = tuple(c for c in MEASURES if c.name not in ("pnl", "position_pnl", "collateral_pnl", "stress_loss_over_margin"))

ACCOUNT_SUMMARY = Table(
    "account_summary",
    "Base figures of every account and its worst scenario, over headline and over all scenarios.",
    (
        _OWNER,
        _ACCOUNT,
        Column("name", "string", "display name"),
        Column("segment", "string", "business segment"),
        Column("positions", "integer", "netted positions", "rows", nullable=False),
        Column("pools", "integer", "margin pools", "pools", nullable=False),
        Column("gross_notional", "float", "sum of absolute notionals at base", _MONEY, nullable=False),
        *_BASE_MEASURES,
        _STATUS,
        *_prefixed("worst_headline"),
        *_prefixed("worst"),
    ),
    key=("account_id",),
)

_SUMMED = tuple(c for c in MEASURES)
SCENARIO_SUMMARY = Table(
    "scenario_summary",
    "Totals per scenario, counts by status, owners in default, Cover-1 and Cover-2.",
    (
        _SCENARIO,
        _id("name", "display name"),
        _id("family", "family of the scenario"),
        Column("headline", "boolean", "counts for worst, Cover-N and limits", nullable=False),
        Column("horizon_days", "float", "horizon", "days", nullable=False),
        Column("weight", "float", "probability weight of a generated scenario", "ratio"),
        *_SUMMED,
        *(Column(f"accounts_{s}", "integer", f"accounts with status {s}", "accounts", nullable=False) for s in STATUSES),
        Column("accounts_newly_breached", "integer", "accounts in liquidation or default that are not at base", "accounts", nullable=False),
        Column("owners_in_default", "integer", "owners with a cross pool below zero", "owners", nullable=False),
        *(
            Column(f"cover_{n}_{basis}", "float", f"sum of the {n} largest owner losses", _MONEY, nullable=False)
            for basis in ("stress_loss_over_margin", "uncollateralised_loss")
            for n in (1, 2)
        ),
        *(
            Column(f"cover_owner_{n}_{basis}", "string", f"owner with the {word} loss; null if it has none")
            for basis in ("stress_loss_over_margin", "uncollateralised_loss")
            for n, word in ((1, "largest"), (2, "second largest"))
        ),
        Column("largest_account_id", "string", "account with the largest margin shortfall; null if none"),
        Column("largest_account_margin_shortfall", "float", "its margin shortfall", _MONEY, nullable=False),
    ),
    key=("scenario_id",),
)
OWNER_SCENARIO = Table(
    "owner_scenario",
    "The largest owner losses of every scenario, in both bases.",
    (
        _SCENARIO,
        _id("basis", "stress_loss_over_margin or uncollateralised_loss"),
        Column("rank", "integer", "1 = largest", "rank", nullable=False),
        _OWNER,
        Column("loss", "float", "the owner's loss", _MONEY, nullable=False),
    ),
    key=("scenario_id", "basis", "rank"),
)
DATA_QUALITY = Table(
    "data_quality",
    "Every check with its result.",
    (
        _id("check", "name of the check"),
        Column("severity", "string", "info, warning or error", nullable=False, choices=("info", "warning", "error")),
        Column("result", "string", "pass, warn or fail", nullable=False, choices=("pass", "warn", "fail")),
        Column("subject", "string", "table, scenario, instrument or account it is about"),
        Column("tolerance", "float", "tolerance, in the unit the message names"),
        Column("value", "float", "largest deviation or count found, in the unit the message names"),
        Column("rows", "integer", "rows touched", "rows", nullable=False),
        Column("notional", "float", "gross notional touched at base", _MONEY),
        Column("message", "string", "what was found, in a sentence", nullable=False),
    ),
    key=("check", "subject"),
)

EXCLUDED = Table(
    "excluded",
    "Accounts that `on_missing: exclude` left out; their owners are incomplete. Empty when none was.",
    (_OWNER, _ACCOUNT, Column("reason", "string", "table, column and what is wrong, or what it holds that is", nullable=False)),
    key=("account_id",),
)

# What a report shows of a book at base and where it is worst. "The worst headline scenario" is that of summary.json, of the whole run.

COLLATERAL_SUMMARY = Table(
    "collateral_summary",
    "Collateral by asset and location, at base and in the worst headline scenario of the run; isolated margin included, P&L not.",
    (
        _SCENARIO,
        _id("asset", "the asset"),
        Column("location", "string", "custodian, chain or venue that holds it; null = none stated"),
        Column("asset_class", "string", "class of the asset"),
        Column("collateral_schedule", "string", "haircut schedule that the snapshot names; models may give another"),
        Column("price", "float", "price of one unit", _MONEY, nullable=False),
        Column("holding_share", "float", "recoverable share of deposits there", "ratio", nullable=False),
        Column("accounts", "integer", "accounts with deposits there", "accounts", nullable=False),
        Column("quantity", "float", "deposits, before any is lost", "units of the asset", nullable=False),
        Column("value", "float", "deposits at spot: quantity times holding share times price", _MONEY, nullable=False),
        Column("value_after_haircut", "float", "what deposits count for maintenance, at the mean rate of their balance", _MONEY, nullable=False),
        Column("loss", "float", "value of deposits at base less value; negative = they gained", _MONEY, nullable=False),
        Column("wrong_way_accounts", "integer", "of the accounts, those whose positions lose", "accounts", nullable=False),
        Column("wrong_way_loss", "float", "part of the loss in accounts whose positions lose; 0 where there is no loss", _MONEY, nullable=False),
        Column("shortfall_loss", "float", "part of the loss in accounts with a margin shortfall; 0 where there is no loss", _MONEY, nullable=False),
        Column("borrowing_accounts", "integer", "accounts with borrows there", "accounts", nullable=False),
        Column("borrowed_quantity", "float", "borrows, as a positive amount", "units of the asset", nullable=False),
        Column("borrowed_value", "float", "borrows at spot, as a positive amount", _MONEY, nullable=False),
        Column("borrowed_value_weighted", "float", "what borrows take off for maintenance, at that rate", _MONEY, nullable=False),
    ),
    key=("scenario_id", "asset", "location"),
)
SEGMENT_SUMMARY = Table(
    "segment_summary",
    "Totals by segment of accounts, at base and in the worst headline scenario of the run.",
    (
        _SCENARIO,
        _id("segment", "business segment; empty text: accounts without one"),
        Column("accounts", "integer", "accounts of the segment", "accounts", nullable=False),
        *MEASURES,
        *(Column(f"accounts_{s}", "integer", f"accounts with status {s}", "accounts", nullable=False) for s in STATUSES),
        Column("accounts_newly_breached", "integer", "accounts in liquidation or default that are not at base", "accounts", nullable=False),
        Column("gross_loss", "float", "what accounts lose on positions, and on collateral, each where there is a loss", _MONEY, nullable=False),
        Column("wrong_way_loss", "float", "of it, losses on collateral in accounts whose positions lose too", _MONEY, nullable=False),
    ),
    key=("scenario_id", "segment"),
)
OWNER_SUMMARY = Table(
    "owner_summary",
    "Owners in default in the worst headline scenario, and the largest losers there and where Cover-1 and Cover-2 are set.",
    (
        _SCENARIO,
        _OWNER,
        Column("name", "string", "display name"),
        Column("accounts", "integer", "accounts of the owner", "accounts", nullable=False),
        Column("equity", "float", "equity of its accounts", _MONEY, nullable=False),
        Column("margin_shortfall", "float", "maintenance requirement not covered in its pools", _MONEY, nullable=False),
        Column("stress_loss_over_margin", "float", "the owner's loss in that basis, netting groups netted", _MONEY, nullable=False),
        Column("uncollateralised_loss", "float", "the owner's loss in that basis, netting groups netted", _MONEY, nullable=False),
        Column("in_default", "boolean", "a cross pool or netting group is below zero", nullable=False),
        Column("incomplete", "boolean", "accounts of it were excluded: its losses may be larger", nullable=False),
        Column("default_fund_contribution", "float", "paid into the default fund", _MONEY, nullable=False),
    ),
    key=("scenario_id", "owner_id"),
)

HOLDING_KINDS = ("position", "deposit", "borrow", "net")
ACCOUNT_HOLDINGS = Table(
    "account_holdings",
    "What the ten worst accounts hold, at base and in their own worst headline scenario; the smallest positions of large accounts as one line.",
    (
        _OWNER,
        _ACCOUNT,
        _SCENARIO,
        Column("place", "integer", "1 = first line: positions by change of value, then deposits, borrows, nets", "rank", nullable=False),
        Column("pool_id", "string", "the margin pool; null: several"),
        Column(
            "kind",
            "string",
            "what the line is; net: a requirement of positions together (nets, scans, add-ons)",
            nullable=False,
            choices=HOLDING_KINDS,
        ),
        Column("item", "string", "instrument, asset, or underlying, scan or add-on of a net; null: several positions in one line"),
        Column("underlying", "string", "asset that a position or net follows"),
        Column("location", "string", "where a deposit or borrow is held"),
        Column("lines", "integer", "positions or balances in the line", "rows", nullable=False),
        Column("quantity", "float", "plus = long or deposited, minus = short or borrowed", "contracts or units"),
        Column("price_currency", "string", "asset in which its prices are stated"),
        Column("base_price", "float", "price at base", "price currency"),
        Column("stressed_price", "float", "price in the scenario", "price currency"),
        Column("base_value", "float", "value at base", _MONEY),
        Column("stressed_value", "float", "value in the scenario", _MONEY),
        Column("value_change", "float", "stressed value less base value", _MONEY),
        Column("notional", "float", "absolute notional of a position in the scenario", _MONEY),
        Column("base_maintenance_margin", "float", "maintenance requirement at base; null: none of its own", _MONEY),
        Column("maintenance_margin", "float", "maintenance requirement in the scenario; null: none of its own", _MONEY),
        Column("initial_margin", "float", "initial requirement in the scenario; null: none of its own", _MONEY),
        Column("value_after_haircut", "float", "what a deposit or borrow counts for maintenance in the scenario, without P&L", _MONEY),
    ),
    key=("account_id", "place"),
)
STEP_KINDS = (
    "equity at base",
    "position P&L",
    "collateral P&L",
    "collateral lost",
    "equity",
    "collateral ratio",
    "haircut",
    "liability weight",
    "profit not counted",
    "long options not counted",
    "margin balance",
    "maintenance margin",
    "excess",
    "surplus elsewhere",
    "shortfall",
)
ACCOUNT_STEPS = Table(
    "account_steps",
    "From equity at base to excess or shortfall, step by step, of the ten worst accounts in their own worst headline scenario.",
    (
        _OWNER,
        _ACCOUNT,
        _SCENARIO,
        Column("step", "integer", "1 = first", "rank", nullable=False),
        Column("kind", "string", "what the step is", nullable=False, choices=STEP_KINDS),
        Column("subject", "string", "underlying of a position P&L, asset of a collateral P&L; null: the rest, or all"),
        Column("subjects", "integer", "underlyings or assets in the step", "rows", nullable=False),
        Column("total", "boolean", "true: a level reached; false: a change from the step before", nullable=False),
        Column("amount", "float", "the change; of a total the level itself", _MONEY, nullable=False),
        Column("level", "float", "sum of the changes so far", _MONEY, nullable=False),
    ),
    key=("account_id", "step"),
)

RUN_TABLES: tuple[Table, ...] = (
    ACCOUNT_SCENARIO,
    POOL_SCENARIO,
    DETAIL,
    ACCOUNT_SUMMARY,
    SCENARIO_SUMMARY,
    OWNER_SCENARIO,
    DATA_QUALITY,
    EXCLUDED,
    COLLATERAL_SUMMARY,
    SEGMENT_SUMMARY,
    OWNER_SUMMARY,
    ACCOUNT_HOLDINGS,
    ACCOUNT_STEPS,
    *FUNDING_TABLES,
    LIMITS,
    *STATISTICS_TABLES,
    *ATTRIBUTION_TABLES,
    *DRAW_TABLES,
)
"""Tables of every run."""

REPORT_TABLES: tuple[Table, ...] = (
    COLLATERAL_SUMMARY,
    SEGMENT_SUMMARY,
    OWNER_SUMMARY,
    ACCOUNT_HOLDINGS,
    ACCOUNT_STEPS,
    *FUNDING_TABLES,
    LIMITS,
    *STATISTICS_TABLES,
    *ATTRIBUTION_TABLES,
    *DRAW_TABLES,
)
"""Result tables that follow from all the rest: a run of a large book has them only where a report is asked for, statistics and attribution also where
the run file states them, statistics where it has limits, those of funding as `funding` says; `limits` every run has."""

SCENARIO_FACTORS = Table(
    "scenario_factors",
    "What `scenarios expand` writes: the value of every factor in every scenario.",
    (
        _SCENARIO,
        _id("factor", "risk factor, type:name"),
        Column("part", "string", "of a vol the option; of a holding the location (null: none); of a haircut calculation and band; else null"),
        Column("base", "float", "value at base; null: the factor has none", "as the factor type"),
        Column("value", "float", "value in the scenario, brought into its range", "as the factor type"),
        Column("absolute", "float", "value less base: the shift applied, as an `absolute` shock gives it", "as the factor type"),
        Column("relative", "float", "value / base - 1: the shift applied, as a `relative` shock gives it; null unless base is above zero", "ratio"),
    ),
    key=("scenario_id", "factor", "part"),
)

EXPORT_TABLES: tuple[Table, ...] = (SCENARIO_FACTORS,)
"""Tables that commands write on request; no run has them."""
