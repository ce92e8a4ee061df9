"""Who pays what accounts lose beyond their margin: layers that stand one behind the other, and who stands in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.stress.cascade.losses.allocation import gains_haircut

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

DEFAULTER_MARGIN, DEFAULTER_CONTRIBUTION = "defaulter_margin", "defaulter_contribution"
INSURANCE_FUND, SKIN_IN_THE_GAME = "insurance_fund", "skin_in_the_game"
DEFAULT_FUND, ASSESSMENT = "default_fund", "assessment"
GAINS_HAIRCUT, ADL_QUEUE, PRO_RATA = "gains_haircut", "adl_queue", "pro_rata"
UNCOVERED = "uncovered"
ROUNDING = 0.005
"""Less than half a cent that all accounts lose together is no loss: pools whose fees took all they had end at zero but for rounding."""
OF_THE_DEFAULTER = (DEFAULTER_MARGIN, DEFAULTER_CONTRIBUTION)
LAST_LAYERS = (GAINS_HAIRCUT, ADL_QUEUE, PRO_RATA)


class Layer(NamedTuple):
    """A layer: what it has, what of it is used, and the loss that is left behind it; reporting currency."""

    layer: str
    available: float
    used: float
    left: float


class Payer(NamedTuple):
    """What one owner (by code) pays in a layer, reporting currency."""

    layer: str
    owner: int
    amount: float


@dataclass(frozen=True)
class Losses:
    """What is to be paid in one scenario, and by whom it could be; arrays by owner code, reporting currency.

    `owner`: what each defaulter's accounts are below zero, isolated pools apart; `surplus`: what its other accounts have (nothing of it covers a
    loss before the waterfall); `contribution`, `assessment_cap`: of the owners table. `limited_recourse`: what isolated pools lose, which is nobody's
    default. `gains`: of each account, above zero, of owners that are not in default; `gaining_owner` their owners.
    """

    owner: Floats
    surplus: Floats
    contribution: Floats
    assessment_cap: Floats
    limited_recourse: float
    gains: Floats
    gaining_owner: Longs


@dataclass(frozen=True)
class Behind:
    """What stands behind all owners, reporting currency: the insurance fund with the fees it has earned; the default fund and all assessments that
    can be called, of owners without accounts too; None: those of the owners there are.
    """

    insurance_fund: float
    skin_in_the_game: float
    default_fund: float | None
    assessments: float | None = None


@dataclass(frozen=True)
class Waterfall:
    """The layers in their order, the last `uncovered`; payers of each, by layer and owner; `residual`: the loss before the last resort; `left`
    f64[owners]: what of each owner's loss is left behind all layers, zero to the last bit where its own margin and contribution cover it.
    """

    layers: tuple[Layer, ...]
    payers: tuple[Payer, ...]
    residual: float
    left: Floats


def waterfall(order: Sequence[str], losses: Losses, behind: Behind, last_resort: float | None = None) -> Waterfall:
    """The waterfall of one scenario.

    Layers of the defaulter pay for that defaulter alone, all others for everybody: the default fund and assessments are those of owners
    not in default, who pay in proportion to their contributions and caps. What is stated beyond those is of owners without
    accounts, or of nobody in particular, and pays its share.

    Args:
        order: names of layers; the last may be one of `LAST_LAYERS`.
        losses: of the scenario.
        behind: the venue's own resources.
        last_resort: what closing positions of others at the defaulters' prices pays of the residual (`adl_queue`, `pro_rata`); of
            `gains_haircut` it is computed here.
    """
    left = losses.owner.copy()
    defaulted = losses.owner > 0.0
    pooled = losses.limited_recourse
    layers: list[Layer] = []
    payers: list[Payer] = []
    shares = np.where(defaulted, 0.0, losses.contribution)
    caps = np.where(defaulted, 0.0, losses.assessment_cap)
    fund = _besides(losses.contribution, defaulted, behind.default_fund)
    assessments = _besides(losses.assessment_cap, defaulted, behind.assessments)
    residual: float | None = None
    for layer in order:
        total = float(left.sum()) + pooled
        if layer in OF_THE_DEFAULTER:
            has = np.where(defaulted, losses.surplus if layer == DEFAULTER_MARGIN else losses.contribution, 0.0)
            pays = np.minimum(left, has)
            left = left - pays
            used, available = float(pays.sum()), float(has.sum())
            payers += [Payer(layer, code, float(pays[code])) for code in np.flatnonzero(pays).tolist()]
        else:
            if layer in LAST_LAYERS:
                residual = total
            available = {
                INSURANCE_FUND: behind.insurance_fund,
                SKIN_IN_THE_GAME: behind.skin_in_the_game,
                DEFAULT_FUND: fund,
                ASSESSMENT: assessments,
                GAINS_HAIRCUT: float(losses.gains.sum()),
            }.get(layer, last_resort or 0.0)
            used = min(total, available)
            if layer == GAINS_HAIRCUT:
                payers += _of_owners(layer, losses.gaining_owner, gains_haircut(used, losses.gains)[1], len(left))
            elif layer in (DEFAULT_FUND, ASSESSMENT):
                of = shares if layer == DEFAULT_FUND else caps
                payers += _in_proportion(layer, used, of, available)
            # What a pooled layer pays is spread over the losses in proportion, so that all of them are down to zero at once.
            rest = 1.0 - used / total if total > 0.0 else 1.0
            left, pooled = left * rest, pooled * rest
        layers.append(Layer(layer, available, used, total - used))
    uncovered = layers[-1].left if layers else float(left.sum()) + pooled
    layers.append(Layer(UNCOVERED, uncovered, uncovered, 0.0))
    return Waterfall(tuple(layers), tuple(payers), uncovered if residual is None else residual, left)


def _besides(of: Floats, defaulted: npt.NDArray[np.bool_], stated: float | None) -> float:
    """What there is besides what defaulters have paid, or would have to."""
    return max(0.0, (float(of.sum()) if stated is None else stated) - float(of[defaulted].sum()))


def _in_proportion(layer: str, used: float, of: Floats, available: float) -> list[Payer]:
    if used == 0.0 or available == 0.0:
        return []
    # Of a fund that is stated smaller than the contributions, all have paid in proportion.
    whole = max(available, float(of.sum()))
    return [Payer(layer, code, used * float(of[code]) / whole) for code in np.flatnonzero(of).tolist()]


def _of_owners(layer: str, owner: Longs, pays: Floats, owners: int) -> list[Payer]:
    by_owner = np.bincount(owner, weights=pays, minlength=owners)
    return [Payer(layer, code, float(by_owner[code])) for code in np.flatnonzero(by_owner).tolist()]
