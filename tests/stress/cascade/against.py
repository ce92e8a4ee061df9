"""What the engine and the reference disagree about, one line each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from oracle.cascade import Cascade, Fill
from stress.cascade.cascading import Cascaded

RELATIVE = 1e-9
NOISE = 1e-9
"""Of the largest equity or notional of a book: figures are differences of such amounts, of which prices and with them all others follow."""


def agree(found: float, expected: float, noise: float) -> bool:
    """Whether two figures are the same but for rounding."""
    return abs(found - expected) <= RELATIVE * max(abs(found), abs(expected)) + noise


def noise_of(reference: Cascade) -> float:
    """Of money and units: what rounding may leave."""
    return NOISE * max(map(abs, (1_000.0, *reference.equity.values(), *reference.equity_base.values(), *reference.notional.values())))


def compare(cascaded: Cascaded, scenario: int, reference: Cascade) -> list[str]:
    """All differences in a scenario, by its place in the run; of the log too, which has to have been asked for."""
    return [f"{what}: {found}, not {expected}" for what, found, expected in differences(cascaded, scenario, reference)]


def differences(cascaded: Cascaded, scenario: int, reference: Cascade) -> Iterator[tuple[str, Any, Any]]:
    """Figure by figure."""
    outcome, dimensions = cascaded.outcome, cascaded.staged.book.dimensions
    names, noise = dimensions.assets["asset"].to_list(), noise_of(reference)
    at = outcome.scenarios.tolist().index(scenario)
    counts = {
        "rounds": (outcome.rounds[at], reference.rounds),
        "halted": (outcome.halted[at], reference.halted),
        "converged": (bool(outcome.converged[at]), reference.converged),
        "pools liquidated": (outcome.pools_liquidated[at], len(reference.first_round)),
        "floored": ({names[code] for code in np.flatnonzero(outcome.floored[:, at])}, reference.floored),
        "missing": ({names[code] for code in np.flatnonzero(outcome.missing[:, at] & (outcome.notional_sold[:, at] > 0.0))}, reference.missing),
    }
    yield from ((what, *pair) for what, pair in counts.items() if pair[0] != pair[1])
    amounts = {
        "direct loss": (outcome.direct_loss[at], reference.direct_loss),
        "feedback loss": (outcome.feedback_loss[at], reference.feedback_loss),
        "below zero": (outcome.loss_final[at], reference.deficit),
        "fees": (outcome.fees[at], reference.fees),
        "unfunded debts": (outcome.unfunded_debts[at], reference.unfunded()),
        "bonus and spread": (outcome.collateral_bonus[at] + outcome.option_spread[at], reference.bonus),
    }
    for code, name in enumerate(names):
        amounts[f"price of {name}"] = (outcome.prices_final[code, at], reference.prices[name])
        amounts[f"sold of {name}"] = (outcome.sold[code, at], reference.sold[name])
        amounts[f"notional of {name}"] = (outcome.notional_sold[code, at], reference.notional[name])
        amounts[f"survivors' loss in {name}"] = (outcome.loss_of_survivors[code, at], reference.survivors_loss[name])
    for figure, equities in (("equity_shocked", reference.equity_shocked), ("equity_final", reference.equity)):
        found = cascaded.of_accounts(figure, scenario)
        for account, amount in reference.by_account(equities).items():
            amounts[f"{figure} of {account}"] = (found[account], amount)
    yield from ((what, *pair) for what, pair in amounts.items() if not agree(*pair, noise))
    rows = outcome.traded.filter(pl.col("scenario") == scenario).iter_rows(named=True)
    traded = {(names[row["trigger"]], names[row["asset"]]): (row["notional"], row["pools"]) for row in rows}
    for both in sorted(traded.keys() | reference.traded().keys()):
        ours, theirs = traded.get(both, (0.0, 0)), reference.traded().get(both, (0.0, 0))
        if not agree(ours[0], theirs[0], noise) or ours[1] != theirs[1]:
            yield f"traded {both}", ours, theirs
    told, wanted = orders_of(cascaded, scenario), orders_in(reference.log)
    for key in sorted(told.keys() | wanted.keys(), key=str):
        order, other = told.get(key, (0.0, 0.0, 0.0)), wanted.get(key, (0.0, 0.0, 0.0))
        if not all(agree(*pair, noise) for pair in zip(order, other, strict=True)):
            yield f"order {key}", order, other


def orders_of(cascaded: Cascaded, scenario: int) -> dict[tuple[Any, ...], tuple[float, float, float]]:
    """Quantity, notional and fee of every order by round, account, pool, instrument and asset, as the engine's log has them."""
    dimensions = cascaded.staged.book.dimensions
    accounts, pools = dimensions.accounts["account_id"].to_list(), dimensions.pools
    instruments, assets = dimensions.instruments["instrument_id"].to_list(), dimensions.assets["asset"].to_list()
    found = {}
    for row in cascaded.outcome.log.filter(pl.col("scenario") == scenario).iter_rows(named=True):
        pool = accounts[pools["account_code"][row["pool"]]], pools["pool_id"][row["pool"]]
        instrument = instruments[row["instrument"]] if row["action"] == "position" else None
        found[(row["round"], *pool, instrument, assets[row["asset"]], row["action"])] = (row["quantity"], row["notional"], row["fee"])
    return found


def orders_in(log: list[Fill]) -> dict[tuple[Any, ...], tuple[float, float, float]]:
    """The same as the reference has them."""
    found = {}
    for fill in log:
        action = "position" if fill.instrument else "collateral" if fill.quantity > 0.0 else "repayment"
        key = (fill.round, fill.account, fill.pool, fill.instrument, fill.asset, action)
        found[key] = (fill.quantity, fill.notional, fill.fee if action == "position" else 0.0)
    return found
