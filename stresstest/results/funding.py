"""The executive figures of funding: the scenario that asks for most cash, and the one that leaves most unpaid."""

from __future__ import annotations

import polars as pl

from stresstest.results.documents import Document
from stresstest.scenarios.scenario_set import BASE


class LargestCall(Document):
    """The largest amount of all headline scenarios, in reporting currency, its scenario (null where there is none) and the accounts concerned."""

    amount: float
    scenario_id: str | None
    accounts: int


class FundingFigures(Document):
    """Cash that accounts must find beyond their balances in the currency of settlement, and what of it they cannot pay."""

    cash_to_find: LargestCall
    unpaid: LargestCall


def funding_figures(funding_summary: pl.DataFrame) -> FundingFigures:
    """The figures of a run from its table `funding_summary`, in file order: of equal scenarios the first counts."""
    return FundingFigures(
        cash_to_find=_largest(funding_summary, "cash_to_find", "accounts_calling"), unpaid=_largest(funding_summary, "unpaid", "accounts_not_paying")
    )


def _largest(funding_summary: pl.DataFrame, amount: str, accounts: str) -> LargestCall:
    stressed = funding_summary.filter(pl.col("scenario_id") != BASE.id)
    if not stressed.height or stressed[amount].max() == 0.0:
        return LargestCall(amount=0.0, scenario_id=None, accounts=0)
    row = stressed.row(int(stressed[amount].arg_max() or 0), named=True)
    return LargestCall(amount=row[amount], scenario_id=row["scenario_id"], accounts=row[accounts])
