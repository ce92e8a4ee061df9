"""The tables of what changed between two runs: figures step by step, and accounts."""

from __future__ import annotations

from stresstest.tables.model import Column, Table
from stresstest.tables.results import STATUSES

CHANGE_STEPS = (
    "code version", "positions", "collateral", "market", "reference data", "scenario set", "margin parameters", "rest", "total",
)  # fmt: skip
"""What a change is split into, in the order in which inputs are exchanged, then the whole."""

HOW_KNOWN = ("measured", "unchanged", "with the next", "not known")
"""How the change of a step is known: it was computed; its inputs are the same, so it is zero; it is in that of the next measured step; it is not."""

PRESENCES = ("both", "came", "gone", "excluded", "back")
BREACHES = ("new", "cured", "worse", "better", "unchanged", "not known", "none")

_MONEY = "reporting currency"

CHANGES = Table(
    "changes",
    "What made each headline figure change since the earlier run, step by step: a step starts where the one before it ended.",
    (
        Column("figure", "string", "headline figure; `total` of its steps is the whole change", nullable=False),
        Column("place", "integer", "place of the step, in the order in which inputs are exchanged", "rank", nullable=False),
        Column("step", "string", "what was exchanged", nullable=False, choices=CHANGE_STEPS),
        Column("known", "string", "how the change is known", nullable=False, choices=HOW_KNOWN),
        Column("before", "float", "the figure before the step; null: not known", "as figure"),
        Column("after", "float", "the figure after it; null: not known", "as figure"),
        Column("change", "float", "after less before; null: not known, or in the next measured step", "as figure"),
    ),
    key=("figure", "place"),
)

CHANGED_ACCOUNTS = Table(
    "changed_accounts",
    "Accounts whose breach changed since the earlier run, or that came or went; each in its own worst headline scenario.",
    (
        Column("owner_id", "string", "the owner", nullable=False),
        Column("account_id", "string", "the account", nullable=False),
        Column("name", "string", "display name"),
        Column(
            "presence",
            "string",
            "in both runs; came, gone; excluded from this run; back: excluded from the earlier one",
            nullable=False,
            choices=PRESENCES,
        ),
        Column("breach", "string", "what became of its breach: liquidation or default", nullable=False, choices=BREACHES),
        Column("scenario_id_before", "string", "its worst headline scenario then; base in a run without any; null: it was not in that run"),
        Column("scenario_id_after", "string", "its worst headline scenario now, likewise"),
        Column("status_before", "string", "status there, then", choices=STATUSES),
        Column("status_after", "string", "status there, now", choices=STATUSES),
        Column("margin_shortfall_before", "float", "maintenance requirement not covered, then", _MONEY),
        Column("margin_shortfall_after", "float", "maintenance requirement not covered, now", _MONEY),
        Column("margin_shortfall_change", "float", "after less before; null: it is in one run only", _MONEY),
        Column("uncollateralised_loss_before", "float", "equity below zero, then", _MONEY),
        Column("uncollateralised_loss_after", "float", "equity below zero, now", _MONEY),
    ),
    key=("account_id",),
)
