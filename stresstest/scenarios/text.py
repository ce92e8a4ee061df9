"""A scenario set written as a scenario file: what is stated in it and what generators made, as ordinary scenarios."""

from __future__ import annotations

import json
from collections.abc import Iterator

from stresstest.scenarios.scenario_set import BASE, Scenario, ScenarioSet


def scenario_file(scenarios: ScenarioSet) -> Iterator[str]:
    """The lines of a YAML file that `load_scenarios` reads back to the same scenarios; the base, which every set has, is not written."""
    yield "version: 1"
    yield f"name: {_text(scenarios.name)}"
    if all(each.any_book for each in scenarios.scenarios[1:]) and len(scenarios) > 1:
        yield "any_book: true"
    yield "scenarios:" if len(scenarios) > 1 else "scenarios: []"
    for each in scenarios:
        if each.id != BASE.id:
            yield from _lines(scenarios, each)


def _lines(scenarios: ScenarioSet, scenario: Scenario) -> Iterator[str]:
    yield f"  - id: {_text(scenario.id)}"
    yield f"    name: {_text(scenario.name)}"
    yield f"    family: {scenario.family}"
    yield f"    headline: {'true' if scenario.headline else 'false'}"
    yield f"    horizon_days: {scenario.horizon_days!r}"
    if scenario.decay:
        yield "    decay: true"
    for key, value in (("source", scenario.source), ("grade", scenario.grade)):
        if value is not None:
            yield f"    {key}: {_text(value)}"
    if scenario.weight is not None:
        yield f"    weight: {scenario.weight!r}"
    shocks = scenarios.shocks_of(scenario.id)
    yield "    shocks:" if shocks else "    shocks: []"
    for shock in shocks:
        yield f"      - {_flow(shock.model_dump(mode='json', exclude_defaults=True))}"


def _flow(value: object) -> str:
    """A value in YAML's flow style: keys bare, text in double quotes, numbers with all their digits."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(value: str) -> str:
    return json.dumps(value)
