"""`stresstest scenarios`: what a scenario file holds, and what it does to a book."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stresstest.cli.completion import complete_scenario
from stresstest.cli.options import Debug, Json
from stresstest.cli.scenario_expand import expand
from stresstest.cli.scenario_inputs import Given, scenarios_of
from stresstest.cli.scenario_lint import lint

if TYPE_CHECKING:
    from stresstest.scenarios.scenario_set import Scenario, ScenarioSet

Wanted = Annotated[list[str], typer.Option("--id", autocompletion=complete_scenario, help="Scenario; may be given several times.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="Look at scenario files, and at what they do to a book.",
        no_args_is_help=True,
        rich_markup_mode=None,
        epilog="Example: stresstest scenarios list sample_data/scenarios.yaml",
    )
    group.command("list", epilog="Example: stresstest scenarios list sample_data/scenarios.yaml", short_help="List scenarios, one line each.")(list_)
    group.command(
        "show", epilog="Example: stresstest scenarios show sample_data/scenarios.yaml --id coin_rally", short_help="Show the shocks of scenarios."
    )(show)
    group.command(
        "lint", epilog="Example: stresstest scenarios lint sample_data/run.yaml", short_help="Find what is left unshocked, and shocks without effect."
    )(lint)
    group.command(
        "expand",
        epilog="Example: stresstest scenarios expand sample_data/run.yaml --out factors.parquet",
        short_help="Write what every factor is worth in every scenario.",
    )(expand)
    app.add_typer(group, name="scenarios")


def list_(given: Given, as_json: Json = False, debug: Debug = False) -> None:
    """One line per scenario: id, family, horizon, shocks, name."""
    del debug
    from stresstest.cli.output import print_document, printable, text_table

    found = scenarios_of(given)
    if as_json:
        print_document("scenarios", {"scenarios": [_content(scenario) for scenario in found]})
        return
    rows = [(s.id, s.family, "yes" if s.headline else "no", f"{s.horizon_days:g}", str(s.last - s.first), s.name) for s in found]
    print(text_table(("id", "family", "headline", "days", "shocks", "name"), rows, right=frozenset({3, 4})))
    if found.pending:
        print(printable(found.still_to_be_made()), file=sys.stderr)


def show(given: Given, wanted: Wanted, as_json: Json = False, debug: Debug = False) -> None:
    """The shocks of scenarios, in file order: the first match counts."""
    del debug
    from stresstest.cli.output import print_document, printable

    found = scenarios_of(given)
    chosen = [found.scenario(each) for each in wanted]
    if as_json:
        print_document("scenarios", {"scenarios": [_content(each) | {"shocks": _shocks(found, each)} for each in chosen]})
        return
    print("\n\n".join("\n".join(map(printable, _lines(found, each))) for each in chosen))


def _content(scenario: Scenario) -> dict[str, Any]:
    about = ("id", "name", "family", "headline", "horizon_days", "decay", "source", "grade", "weight", "any_book")
    return {name: getattr(scenario, name) for name in about} | {"number_of_shocks": scenario.last - scenario.first}


def _shocks(found: ScenarioSet, scenario: Scenario) -> list[dict[str, Any]]:
    return [shock.model_dump(mode="json", exclude_defaults=True) for shock in found.shocks_of(scenario.id)]


def _lines(found: ScenarioSet, scenario: Scenario) -> list[str]:
    horizon = f"{scenario.horizon_days:g} day{'' if scenario.horizon_days == 1 else 's'}"
    lines = [f"{scenario.id}: {scenario.name}", f"{scenario.family}, {'headline' if scenario.headline else 'not headline'}, horizon {horizon}"]
    lines += ["time passes: times to expiry shorten by the horizon"] if scenario.decay else []
    lines += [f"source: {scenario.source}"] if scenario.source else []
    lines += [f"grade: {scenario.grade}"] if scenario.grade else []
    for shock in _shocks(found, scenario):
        factor = shock.pop("factor")
        lines.append(f"  {factor:24}" + ", ".join(f"{key} {_size(key, value)}" for key, value in shock.items()))
    return lines


def _size(key: str, value: object) -> str:
    return f"{value:+g}" if key in ("relative", "absolute") and isinstance(value, float) else _plain(value)


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{key} {_plain(each)}" for key, each in value.items()) + ")"
    if isinstance(value, list):
        return " | ".join(_plain(each) for each in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
