"""Which accounts came and went between two runs, and whose breach is new, cured, worse or better."""

from __future__ import annotations

import polars as pl

from stresstest.results.changes import BreachCounts, PresenceCounts
from stresstest.results.store import conform
from stresstest.tables import BREACHES, CHANGED_ACCOUNTS, PRESENCES, STATUSES

TOLERANCE = 0.01
"""Reporting currency by which a shortfall must move to be worse or better: the cent that decides over a status too."""

COLUMNS = (
    "owner_id", "account_id", "name", "status", "margin_shortfall", "uncollateralised_loss",
    *(f"worst_headline_{name}" for name in ("scenario_id", "status", "margin_shortfall", "uncollateralised_loss")),
)  # fmt: skip
"""Columns of account_summary that are looked at."""

_BREACHED = ("liquidation", "default")
_JUDGED = ("scenario_id", "status", "margin_shortfall", "uncollateralised_loss")


def changed_accounts(
    before: pl.DataFrame, after: pl.DataFrame, excluded_before: pl.DataFrame, excluded_after: pl.DataFrame
) -> tuple[pl.DataFrame, BreachCounts, PresenceCounts]:
    """The table `changed_accounts`, and how many accounts there are of each kind.

    An account is breached when its status in its own worst headline scenario (at base where the run has no headline scenario) is liquidation or
    default. A breach is *new* or *cured* when only the later or only the earlier run has it, an account that came or went included; *worse* or
    *better* when both have it and the status changed, or else the margin shortfall by more than `TOLERANCE`. Of an account that the later run
    excludes it is *not known* what became of its breach.

    Args:
        before: account_summary of the earlier run, at least `COLUMNS`.
        after: that of the later run.
        excluded_before: `excluded` of the earlier run.
        excluded_after: that of the later run.
    """
    joined = _side(before, "before").join(_side(after, "after"), on="account_id", how="full", coalesce=True)
    left_out = [frame.select("account_id", "owner_id").with_columns(pl.lit(True).alias("_out")) for frame in (excluded_before, excluded_after)]
    for side, frame in zip(("before", "after"), left_out, strict=True):
        joined = joined.join(frame.rename({"_out": f"_out_{side}", "owner_id": f"_left_{side}"}), on="account_id", how="full", coalesce=True)
    there_before, there_after = pl.col("status_before").is_not_null(), pl.col("status_after").is_not_null()
    joined = joined.filter(there_before | there_after | (pl.col("_out_before").is_null() & pl.col("_out_after").is_not_null()))
    presence = (
        pl.when(there_before & there_after).then(pl.lit("both"))
        .when(pl.col("_out_after").is_not_null()).then(pl.lit("excluded"))
        .when(there_after & pl.col("_out_before").is_not_null()).then(pl.lit("back"))
        .when(there_after).then(pl.lit("came"))
        .otherwise(pl.lit("gone"))
    )  # fmt: skip
    judged = joined.with_columns(presence.alias("presence")).with_columns(_breach().alias("breach"))
    counts = {name: dict(judged.group_by(name).len().iter_rows()) for name in ("presence", "breach")}
    known = {side: judged.filter(pl.col(f"status_{side}").is_in(_BREACHED)).height for side in ("before", "after")}
    frame = judged.filter((pl.col("presence") != "both") | pl.col("breach").is_in(["new", "cured", "worse", "better"])).with_columns(
        pl.coalesce("owner_id_after", "owner_id_before", "_left_after", "_left_before").alias("owner_id"),
        pl.coalesce("name_after", "name_before").alias("name"),
        (pl.col("margin_shortfall_after") - pl.col("margin_shortfall_before")).alias("margin_shortfall_change"),
    )
    breaches = {name.replace(" ", "_"): int(counts["breach"].get(name, 0)) for name in BREACHES if name != "none"}
    presences = {name: int(counts["presence"].get(name, 0)) for name in PRESENCES if name != "both"}
    return conform(frame.select(CHANGED_ACCOUNTS.names), CHANGED_ACCOUNTS), BreachCounts(**known, **breaches), PresenceCounts(**presences)


def _side(accounts: pl.DataFrame, side: str) -> pl.DataFrame:
    """The accounts of a run, each as it is in its own worst headline scenario, else at base."""
    stressed = pl.col("worst_headline_scenario_id").is_not_null()
    judged = [pl.when(stressed).then(pl.col(f"worst_headline_{name}")).otherwise(pl.col(name)).alias(f"{name}_{side}") for name in _JUDGED[1:]]
    scenario = pl.col("worst_headline_scenario_id").fill_null("base").alias(f"scenario_id_{side}")
    return accounts.select("account_id", pl.col("owner_id").alias(f"owner_id_{side}"), pl.col("name").alias(f"name_{side}"), scenario, *judged)


def _breach() -> pl.Expr:
    then, now = (pl.col(f"status_{side}").is_in(_BREACHED).fill_null(False) for side in ("before", "after"))
    places = {status: place for place, status in enumerate(STATUSES)}
    was, is_ = (pl.col(f"status_{side}").replace_strict(places, default=None, return_dtype=pl.Int64) for side in ("before", "after"))
    moved = pl.col("margin_shortfall_after") - pl.col("margin_shortfall_before")
    return (
        pl.when(then & (pl.col("presence") == "excluded")).then(pl.lit("not known"))
        .when(now & ~then).then(pl.lit("new"))
        .when(then & ~now).then(pl.lit("cured"))
        .when(~then).then(pl.lit("none"))
        .when(is_ > was).then(pl.lit("worse"))
        .when(is_ < was).then(pl.lit("better"))
        .when(moved > TOLERANCE).then(pl.lit("worse"))
        .when(moved < -TOLERANCE).then(pl.lit("better"))
        .otherwise(pl.lit("unchanged"))
    )  # fmt: skip
