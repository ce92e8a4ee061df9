"""The limits of a run as tables."""

from __future__ import annotations

from stresstest.tables.model import Column, Table

LIMIT_STATUSES = ("green", "amber", "unknown", "red")
"""From best to worst; an unknown one counts as amber, and is listed before those that are known to be."""

LIMITS = Table(
    "limits",
    "Every limit of the run file with what was measured. Empty where the run file has none.",
    (
        Column("place", "integer", "1 = first of the run file", "rank", nullable=False),
        Column("name", "string", "name of the limit", nullable=False),
        Column(
            "status", "string", "green, amber, red; unknown: it could not be measured, which counts as amber", nullable=False, choices=LIMIT_STATUSES
        ),
        Column("value", "float", "what was measured: of several rows the worst; null: nothing finite", "as `unit`"),
        Column("subject", "string", "account, owner, scenario, ... that the value is about; null: none"),
        Column("amber", "float", "threshold beyond which it is amber; null: none", "as `unit`"),
        Column("red", "float", "threshold beyond which it is red; null: none", "as `unit`"),
        Column("worse", "string", "the side of a threshold that is beyond it", nullable=False, choices=("above", "below")),
        Column("unit", "string", "what the value is counted in; money: reporting currency", nullable=False),
        Column("utilisation", "float", "value / red, where low is bad red / value; null: no red threshold above zero, or no such ratio", "ratio"),
        Column("headroom", "float", "how far the value is from red, negative = beyond; null: no red threshold or no value", "as `unit`"),
        Column("reason", "string", "why it is unknown, or how much of it is; null: it was measured whole"),
        Column("scope", "string", "what the limit is about, as the run file says"),
        Column("owner", "string", "who is responsible for the limit, as the run file says"),
        Column("description", "string", "as the run file says; of a built-in without one its definition"),
        Column("built_in", "string", "name of the built-in; null: SQL of the run file"),
        Column("sql", "string", "the SELECT that measured it", nullable=False),
    ),
    key=("place",),
)

LIMIT_HISTORY = Table(
    "limit_history",
    "Every limit of this run in earlier runs of the book, of the twelve months before it. Only with a history and limits.",
    (
        Column("place", "integer", "as in `limits`", "rank", nullable=False),
        Column("name", "string", "name of the limit", nullable=False),
        Column("previous_as_of", "timestamp", "moment of the run before; null: there is none, or it did not have the limit"),
        Column("previous_status", "string", "status then", choices=LIMIT_STATUSES),
        Column("previous_value", "float", "value then", "as `unit`"),
        Column("in_breach_since", "timestamp", "moment of the first run from which on it has not been green; null: it is green"),
        Column("days_in_breach", "integer", "days with a run since then, this one included", "days", nullable=False),
        Column("red_since", "timestamp", "moment of the first run from which on it has been red; null: it is not red"),
        Column("days_red", "integer", "days with a run since then, this one included", "days", nullable=False),
    ),
    key=("place",),
)
