"""How far margin pools are from their lines."""

from __future__ import annotations

from stresstest.tables.model import Column, Table

DISTANCE_DIRECTIONS = ("along", "down", "up")
DISTANCE_TARGETS = ("default", "liquidation")

DISTANCE = Table(
    "distance",
    "How far each margin pool is from liquidation and from default along a factor or scenario, where `reverse.distance` of the run file asks: "
    "the first crossing outward from base, all else unchanged, by full revaluation. A pool of which nothing follows the factor has no row.",
    (
        Column("owner_id", "string", "legal entity behind the account", nullable=False),
        Column("account_id", "string", "margin account", nullable=False),
        Column("pool_id", "string", "`cross`, or the isolated pool", nullable=False),
        Column("factor", "string", "risk factor, type:name; of multiples of a scenario scenario:ID", nullable=False),
        Column("direction", "string", "where the factor goes; a scenario is gone along", nullable=False, choices=DISTANCE_DIRECTIONS),
        Column(
            "target", "string", "liquidation: margin balance falls below maintenance margin; default: equity falls below zero", nullable=False,
            choices=DISTANCE_TARGETS,
        ),
        Column(
            "shift", "float",
            "relative shift of the factor, or multiple of the scenario; at a jump the first side beyond it; 0 = crossed at base; null: not reachable "
            "within `most`", "ratio",
        ),
        Column(
            "level", "float", "value of the factor there: a spot in its price currency; null: not reached, of a scenario, or a factor of many values",
            "as the factor type",
        ),
        Column("gross_notional", "float", "notional of the pool's positions at base, long plus short", "reporting currency", nullable=False),
    ),
    key=("account_id", "pool_id", "factor", "direction", "target"),
)  # fmt: skip

DISTANCE_TABLES: tuple[Table, ...] = (DISTANCE,)
"""Tables of a run whose run file has `reverse.distance`; they follow from all the rest, and do not enter the id of a result."""
