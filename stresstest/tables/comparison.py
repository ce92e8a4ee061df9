"""The tables of a run that compares: the book under several margin models, and its cross pools with every position on its own."""

from __future__ import annotations

from stresstest.tables.model import Column, Table
from stresstest.tables.results import ACCOUNT_SCENARIO, ACCOUNT_SUMMARY, MEASURES, SCENARIO_SUMMARY, STATUSES

_MONEY = "reporting currency"

AS_BOOKED = "as booked"
"""In place of the name of a model: every account is under its own."""

RULED: tuple[Column, ...] = tuple(
    column
    for column in MEASURES
    if column.name
    in (
        "margin_balance_initial", "margin_balance", "initial_margin", "maintenance_margin",
        "initial_shortfall", "margin_shortfall", "stress_loss_over_margin",
    )
)  # fmt: skip
"""The figures that depend on the margin model; equity and its changes do not."""

_OWNER, _ACCOUNT = ACCOUNT_SUMMARY.column("owner_id"), ACCOUNT_SUMMARY.column("account_id")
_SCENARIO, _HEADLINE = SCENARIO_SUMMARY.column("scenario_id"), SCENARIO_SUMMARY.column("headline")
_STATUS = ACCOUNT_SUMMARY.column("status")
_MODEL = Column("model", "string", f"model of the margin file that every account is under; `{AS_BOOKED}`: each under its own", nullable=False)
_IN_LIQUIDATION = "in liquidation or default"


def _amount(name: str, doc: str) -> Column:
    return Column(name, "float", doc, _MONEY, nullable=False)


def _number(name: str, doc: str, unit: str = "scenarios") -> Column:
    return Column(name, "integer", doc, unit, nullable=False)


def _worst(name: str, doc: str) -> Column:
    return Column(name, "float", doc, _MONEY)


MARGIN_COMPARISON = Table(
    "margin_comparison",
    "Every account under every model compared: at base and in its worst headline scenario under that model.",
    (
        _OWNER,
        _ACCOUNT,
        _MODEL,
        *(column for column in RULED if column.name != "stress_loss_over_margin"),
        _STATUS,
        ACCOUNT_SUMMARY.column("worst_headline_scenario_id"),
        *(ACCOUNT_SUMMARY.column(f"worst_headline_{column.name}") for column in RULED),
        ACCOUNT_SUMMARY.column("worst_headline_status"),
        _number("headline_scenarios_breached", f"headline scenarios in which it is {_IN_LIQUIDATION}"),
    ),
    key=("account_id", "model"),
)
MARGIN_COMPARISON_SCENARIO = Table(
    "margin_comparison_scenario",
    "The same by scenario; `keep` says which rows are stored of each model: an account that `breaches` leaves out of a scenario is ok there.",
    (_OWNER, _ACCOUNT, _SCENARIO, _MODEL, *RULED, _STATUS, ACCOUNT_SCENARIO.column("worst_row")),
    key=("account_id", "scenario_id", "model"),
)
MARGIN_COMPARISON_SUMMARY = Table(
    "margin_comparison_summary",
    "Totals per scenario and model, and how many accounts breach under one model and not under the book's own.",
    (
        _SCENARIO,
        _MODEL,
        Column("own", "boolean", "the model is the book's own: what the others are held against", nullable=False),
        _HEADLINE,
        *RULED,
        *(SCENARIO_SUMMARY.column(f"accounts_{status}") for status in STATUSES),
        SCENARIO_SUMMARY.column("accounts_newly_breached"),
        _number("accounts_breached_here_only", f"accounts {_IN_LIQUIDATION} under this model and not under the book's own", "accounts"),
        _number("accounts_breached_own_only", f"accounts {_IN_LIQUIDATION} under the book's own model and not under this one", "accounts"),
        SCENARIO_SUMMARY.column("cover_1_stress_loss_over_margin"),
        SCENARIO_SUMMARY.column("cover_2_stress_loss_over_margin"),
    ),
    key=("scenario_id", "model"),
)

ISOLATION = Table(
    "isolation",
    "The cross pool of every account against the same pool with each of its positions on its own: at base, and over headline scenarios.",
    (
        _OWNER,
        _ACCOUNT,
        _number("positions", "positions of the cross pool", "rows"),
        *(
            _amount(f"{measure}_{side}", f"{words} at base, {meaning}")
            for measure, words in (
                ("initial_margin", "initial requirement"),
                ("maintenance_margin", "maintenance requirement"),
                ("free_collateral", "margin balance above the initial requirement"),
            )
            for side, meaning in (("cross", "cross"), ("isolated", "sum of the positions on their own"))
        ),
        _amount("initial_margin_saved", "isolated less cross: what netting saves"),
        _amount("maintenance_margin_saved", "isolated less cross: what netting saves"),
        _number("headline_scenarios_breached_cross", f"headline scenarios with the cross pool {_IN_LIQUIDATION}"),
        _number("headline_scenarios_breached_isolated", f"headline scenarios with a position on its own {_IN_LIQUIDATION}"),
        _number("headline_scenarios_taken_down", "headline scenarios in which one position takes the whole account down"),
        _number("headline_scenarios_spared", "headline scenarios in which a position on its own breaches, and the cross pool holds"),
        Column("worst_headline_scenario_id", "string", "worst headline scenario of the cross pool; null: no headline scenario"),
        _worst("worst_headline_margin_shortfall_cross", "margin shortfall there, cross"),
        _worst("worst_headline_margin_shortfall_isolated", "margin shortfall there, sum of the positions on their own"),
        Column("worst_headline_positions_breached", "integer", f"positions on their own {_IN_LIQUIDATION} there", "rows"),
        Column("worst_headline_taken_down_by", "string", "instrument of the one position that takes the account down there; null: none does"),
    ),
    key=("account_id",),
)
ISOLATION_POSITIONS = Table(
    "isolation_positions",
    "Positions of cross pools that breach on their own in a headline scenario.",
    (
        _OWNER,
        _ACCOUNT,
        Column("instrument_id", "string", "the instrument", nullable=False),
        Column("quantity", "float", "plus = long, minus = short", "contracts", nullable=False),
        _amount("notional", "absolute notional at base"),
        _amount("maintenance_margin", "maintenance requirement at base of the position alone"),
        Column("collateral_share", "float", "share of the pool's collateral that it gets", "ratio", nullable=False),
        _number("headline_scenarios_breached", f"headline scenarios in which it is {_IN_LIQUIDATION} on its own"),
        _number("headline_scenarios_taken_down", "of these, those in which it alone takes the whole account down"),
        Column("worst_headline_scenario_id", "string", "headline scenario with its largest margin shortfall", nullable=False),
        _amount("worst_headline_margin_shortfall", "its own margin shortfall there"),
        Column(
            "taken_down_scenario_id", "string", "of those in which it takes the account down, that with its largest shortfall; null: it never does"
        ),
        _worst("taken_down_margin_shortfall", "its own margin shortfall there"),
        _worst("taken_down_margin_shortfall_cross", "margin shortfall of the cross pool there"),
    ),
    key=("account_id", "instrument_id"),
)
ISOLATION_SUMMARY = Table(
    "isolation_summary",
    "All cross pools per scenario, against the same pools with each position on its own.",
    (
        _SCENARIO,
        _HEADLINE,
        *(
            _amount(f"{measure}_{side}", f"{words}, {meaning}")
            for measure, words in (
                ("initial_margin", "initial requirement"),
                ("maintenance_margin", "maintenance requirement"),
                ("margin_shortfall", "maintenance requirement not covered"),
                ("uncollateralised_loss", "equity below zero"),
            )
            for side, meaning in (("cross", "cross"), ("isolated", "positions on their own"))
        ),
        _number("accounts_breached_cross", f"accounts with the cross pool {_IN_LIQUIDATION}", "accounts"),
        _number("accounts_breached_isolated", f"accounts with a position on its own {_IN_LIQUIDATION}", "accounts"),
        _number("positions_breached_isolated", f"positions on their own {_IN_LIQUIDATION}", "rows"),
        _number("accounts_taken_down", "accounts that one position takes down", "accounts"),
        _number("accounts_spared", "accounts whose cross pool holds where a position on its own breaches", "accounts"),
    ),
    key=("scenario_id",),
)

COMPARISON_TABLES: tuple[Table, ...] = (MARGIN_COMPARISON, MARGIN_COMPARISON_SCENARIO, MARGIN_COMPARISON_SUMMARY)
"""Tables of a run with `compare.models`."""
ISOLATION_TABLES: tuple[Table, ...] = (ISOLATION, ISOLATION_POSITIONS, ISOLATION_SUMMARY)
"""Tables of a run with `compare.isolated`."""
