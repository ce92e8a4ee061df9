"""Filling in: what all other factors are expected to do, given the moves that a scenario states (predictive stress)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import polars as pl

from stresstest.documents import Problem, suggest
from stresstest.scenarios.factors import SHIFTS, split_factor
from stresstest.scenarios.generators.covariance import Estimate, cholesky, solved
from stresstest.scenarios.generators.history import Floats, shift_of, size_of
from stresstest.scenarios.generators.of_history import Complete
from stresstest.scenarios.generators.windows import as_shocks
from stresstest.scenarios.scenario_set import SHOCKS, Scenario, ScenarioSet


@dataclass(frozen=True)
class Completion:
    """Expected moves and residual standard deviations of the other factors, f64[others] each, and how far the core is: sqrt(x' S^-1 x)."""

    expected: Floats
    deviation: Floats
    distance: float


def completed(covariance: Floats, core: list[int], moves: Floats) -> Completion:
    """E[x_p | x_c] = S_pc S_cc^-1 x_c, residual covariance S_pp - S_pc S_cc^-1 S_cp, for the factors that are not core, in order.

    Args:
        covariance: f64[n, n], positive definite.
        core: places of the core factors.
        moves: f64[core], their moves, in units of the covariance.
    """
    others = [place for place in range(len(covariance)) if place not in set(core)]
    lower = cholesky(covariance[np.ix_(core, core)])
    assert lower is not None
    across = covariance[np.ix_(core, others)]
    weights = solved(lower, across)
    expected, explained = np.zeros(len(others)), np.zeros(len(others))
    for place in range(len(core)):
        expected += weights[place] * moves[place]
        explained += weights[place] * across[place]
    residual = np.sqrt(np.maximum(np.diagonal(covariance)[others] - explained, 0.0))
    inverse = solved(lower, moves)
    distance = float(np.sqrt(sum(float(a * b) for a, b in zip(moves, inverse, strict=True))))
    return Completion(expected, residual, distance)


def complete(generator: Complete, stated: ScenarioSet, estimated: Estimate) -> tuple[list[Scenario], pl.DataFrame, list[Problem]]:
    """Each scenario of `of` with expected moves of the other factors of the covariance behind its own shocks, and before those with `*`.

    Factors that it shocks by name itself stay as it has them. The covariance is that of the scenario's horizon. The scenario's source says how
    plausible its core is, and how sure the rest.
    """
    known = {each.id: each for each in stated.scenarios[1:]}
    problems = [
        Problem(("core",), f"`{name}` is not in the covariance", suggest(name, list(estimated.factors), "Factors"))
        for name in generator.core
        if name not in estimated.factors
    ]
    problems += [
        Problem(("of",), f"no scenario `{name}` is stated", suggest(name, list(known), "Scenarios")) for name in generator.of if name not in known
    ]
    scenarios: list[Scenario] = []
    frames, rows = [pl.DataFrame(schema=SHOCKS)], 0
    for name in generator.of if not problems else ():
        moves, found = _core_moves(generator, stated, known[name], estimated)
        found += _composed(stated, known[name], estimated)
        problems += found
        if moves is None or found:
            continue
        whole, shocks = _whole(generator, stated, known[name], estimated, moves)
        frames.append(shocks.with_columns(scenario=pl.lit(len(scenarios), dtype=pl.Int32)))
        scenarios.append(dataclasses.replace(whole, first=rows, last=rows + shocks.height))
        rows += shocks.height
    return scenarios, pl.concat(frames), problems


def _core_moves(generator: Complete, stated: ScenarioSet, scenario: Scenario, estimated: Estimate) -> tuple[Floats | None, list[Problem]]:
    """The moves that a scenario states of the core factors, in units of the covariance."""
    shocks = stated.shocks_of(scenario.id)
    found, problems = [], []
    for name in generator.core:
        kind = estimated.kinds[estimated.factors.index(name)]
        mine = [shock for shock in shocks if shock.factor == name and shock.where is None]
        wanted = shift_of(kind)
        if len(mine) != 1 or mine[0].shift != wanted:
            what = f"the scenario `{scenario.id}` does not state one {wanted} move of {name}"
            problems.append(Problem(("core",), what, f'Add `{{factor: "{name}", {wanted}: ...}}` to it, or leave the factor out of `core`.'))
            continue
        value = mine[0].value
        if kind == "log" and value <= -1.0:
            problems.append(Problem(("core",), f"the scenario `{scenario.id}` takes {name} to zero or below", "Measure its moves as `relative`."))
            continue
        found.append(float(np.log1p(value)) if kind == "log" else value)
    return (None, problems) if problems else (np.array(found), [])


def _composed(stated: ScenarioSet, scenario: Scenario, estimated: Estimate) -> list[Problem]:
    """General shocks that would come on top of what is expected: only the first match of each shift type counts, but shift types compose."""
    shocks, left = stated.shocks_of(scenario.id), set(_left(stated, scenario, estimated))
    problems = []
    for shock in shocks:
        kind, name = split_factor(shock.factor)
        if name != "*" or shock.where is not None:
            continue
        both = [
            factor
            for place, factor in enumerate(estimated.factors)
            if place in left and split_factor(factor)[0] == kind and shift_of(estimated.kinds[place]) != shock.shift
        ]
        if both:
            what = f"the scenario `{scenario.id}` moves {shock.factor} ({shock.shift}) on top of what is expected of {both[0]}"
            hint = f"Give the shock a `where` that leaves {both[0].partition(':')[2]} out, or leave it out of `factors`."
            problems.append(Problem(("of",), what, hint))
    return problems


def _left(stated: ScenarioSet, scenario: Scenario, estimated: Estimate) -> list[int]:
    """Places of the factors that a scenario does not shock by name."""
    named = {shock.factor for shock in stated.shocks_of(scenario.id) if shock.where is None}
    return [place for place, factor in enumerate(estimated.factors) if factor not in named]


def _whole(generator: Complete, stated: ScenarioSet, scenario: Scenario, estimated: Estimate, moves: Floats) -> tuple[Scenario, pl.DataFrame]:
    core = [estimated.factors.index(name) for name in generator.core]
    covariance = estimated.matrix * max(scenario.horizon_days, 1.0)
    result = completed(covariance, core, moves)
    rest = [place for place in range(len(estimated.factors)) if place not in set(core)]
    others = _left(stated, scenario, estimated)
    expected, deviations = (dict(zip(rest, each.tolist(), strict=True)) for each in (result.expected, result.deviation))
    sizes = np.array([float(size_of(expected[place], estimated.kinds[place])) for place in others])
    rows = pl.DataFrame(
        {
            "scenario": pl.Series([0] * len(others), dtype=pl.Int32),
            "factor": [estimated.factors[place] for place in others],
            "shift": pl.Series([shift_of(estimated.kinds[place]) for place in others], dtype=pl.Enum(SHIFTS)),
            "value": pl.Series(sizes, dtype=pl.Float64),
            "source": [f"expected, residual standard deviation {deviations[place]:.4g} ({estimated.kinds[place]})" for place in others],
        }
    )
    own = stated.shocks.slice(scenario.first, scenario.last - scenario.first)
    far = f"{result.distance:.3f} standard deviations away (Mahalanobis)"
    source = f"given its moves of {', '.join(generator.core)}, {far}, all others as expected: {estimated.words()}"
    whole = Scenario(
        f"{scenario.id}.complete",
        f"{generator.name or scenario.name}, completed",
        generator.family,
        generator.headline,
        scenario.horizon_days,
        scenario.decay,
        source,
    )
    # What is expected comes before what is said of all factors together, or it would never count.
    general = own["factor"].cast(pl.String).str.ends_with(":*").to_list()
    place = general.index(True) if True in general else own.height
    return whole, pl.concat([own[:place], as_shocks(rows), own[place:]])
