"""Statistics over scenarios that have a weight: the book's losses, accounts that may fail, owners."""

from __future__ import annotations

from stresstest.tables.model import Column, Table

_MONEY = "reporting currency"
_ERROR = "Monte Carlo standard error"

DRAW_FIGURES = ("loss", "margin_shortfall", "uncollateralised_loss", "owners_in_default")
DRAW_MEASURES = ("mean", "standard_deviation", "value_at_risk", "expected_shortfall", "probability")
DRAW_LEVELS = (0.95, 0.975, 0.99)
"""Levels of value at risk and expected shortfall."""
OWNER_QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99)
MOST_OWNERS = 1000
"""Owners of a family in `owner_distribution`."""

_FAMILY = (
    Column(
        "family", "string", "scenario ids up to the first dot, which is the generator's id; without one the family that they state", nullable=False
    ),
    Column("horizon_days", "float", "horizon of its scenarios", "days", nullable=False),
)


def level_name(level: float) -> str:
    """A level as it ends the name of a column.

    >>> level_name(0.975), level_name(0.95)
    ('97_5', '95')
    """
    return f"{level * 100:g}".replace(".", "_")


DRAW_STATISTICS = Table(
    "draw_statistics",
    "The book over the scenarios of a family that have a weight, as probabilities; empty where none has one.",
    (
        *_FAMILY,
        Column("figure", "string", "total over the book; loss: less pnl", nullable=False, choices=DRAW_FIGURES),
        Column("measure", "string", "what is told of it; probability: that it is above zero", nullable=False, choices=DRAW_MEASURES),
        Column("level", "float", "of value at risk and expected shortfall: 1 less the worst part that they are about", "ratio"),
        Column("value", "float", "the measure; owners_in_default in owners, a probability as a ratio", _MONEY, nullable=False),
        Column("standard_error", "float", f"{_ERROR}; null: the draws do not reach as far", _MONEY),
        Column("scenarios", "integer", "scenarios with a weight above zero", "scenarios", nullable=False),
        Column("scenarios_in_tail", "integer", "of an expected shortfall: those that it is the mean of", "scenarios"),
        Column("effective_scenarios", "float", "1 / sum of squared probabilities: as many equally probable draws", "scenarios", nullable=False),
        Column("stated_weight", "float", "what the weights add up to; probabilities are weights over it", "ratio", nullable=False),
    ),
    key=("family", "horizon_days", "figure", "measure", "level"),
)

ACCOUNT_PROBABILITIES = Table(
    "account_probabilities",
    "Accounts that are in liquidation or default, or have a margin shortfall, in a scenario with a weight; all others are in none.",
    (
        *_FAMILY,
        Column("owner_id", "string", "the owner", nullable=False),
        Column("account_id", "string", "the account", nullable=False),
        Column("base_status", "string", "status at base", nullable=False),
        Column("p_liquidation", "float", "probability of liquidation or default at the horizon", "ratio", nullable=False),
        Column("p_liquidation_standard_error", "float", f"its {_ERROR}", "ratio", nullable=False),
        Column("p_default", "float", "probability of default at the horizon", "ratio", nullable=False),
        Column("p_default_standard_error", "float", f"its {_ERROR}", "ratio", nullable=False),
        Column("survival_probability", "float", "1 - p_liquidation", "ratio", nullable=False),
        Column("margin_shortfall", "float", "expected margin shortfall, over all scenarios of the family", _MONEY, nullable=False),
        Column("margin_shortfall_standard_error", "float", f"its {_ERROR}", _MONEY, nullable=False),
        Column("uncollateralised_loss", "float", "expected uncollateralised loss, before netting groups net", _MONEY, nullable=False),
    ),
    key=("account_id", "family", "horizon_days"),
)

OWNER_DISTRIBUTION = Table(
    "owner_distribution",
    f"How the losses of owners that lose in a scenario with a weight are spread; of a family the {MOST_OWNERS:,} largest by expected "
    "uncollateralised loss of their accounts, then by expected margin shortfall.",
    (
        *_FAMILY,
        Column("owner_id", "string", "the owner", nullable=False),
        Column("name", "string", "display name"),
        Column(
            "figure",
            "string",
            "margin_shortfall: sum of its accounts. uncollateralised_loss: the same, netting groups netted",
            nullable=False,
            choices=DRAW_FIGURES[1:3],
        ),
        Column("mean", "float", "expected figure", _MONEY, nullable=False),
        Column("mean_standard_error", "float", f"its {_ERROR}", _MONEY, nullable=False),
        *(
            Column(f"quantile_{level_name(q)}", "float", f"smallest figure with a probability of {q:g} at or below it", _MONEY, nullable=False)
            for q in OWNER_QUANTILES
        ),
        Column("maximum", "float", "largest figure", _MONEY, nullable=False),
        *(
            column
            for level in DRAW_LEVELS
            for column in (
                Column(f"expected_shortfall_{level_name(level)}", "float", f"mean of the worst {(1 - level) * 100:g} %", _MONEY, nullable=False),
                Column(f"expected_shortfall_{level_name(level)}_standard_error", "float", f"its {_ERROR}; null: one scenario", _MONEY),
            )
        ),
    ),
    key=("family", "horizon_days", "owner_id", "figure"),
)

DRAW_TABLES: tuple[Table, ...] = (DRAW_STATISTICS, ACCOUNT_PROBABILITIES, OWNER_DISTRIBUTION)
"""Made with the tables that only a report needs; without rows where no scenario has a weight."""
