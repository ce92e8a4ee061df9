"""`stresstest scenarios list | show`: what a scenario file holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stresstest.cli.options import Debug, Json

if TYPE_CHECKING:
    from stresstest.scenarios import Scenario

Files = Annotated[list[Path], typer.Argument(help="Scenario files.", metavar="FILE...")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="Look at scenario files.", no_args_is_help=True, rich_markup_mode=None, epilog="Example: stresstest scenarios list house.yaml"
    )
    group.command("list", epilog="Example: stresstest scenarios list house.yaml")(list_)
    group.command("show", epilog="Example: stresstest scenarios show house.yaml --id crash")(show)
    app.add_typer(group, name="scenarios")


def list_(files: Files, as_json: Json = False, debug: Debug = False) -> None:
    """One line per scenario: id, name, family, horizon, number of shocks."""
    del debug
    from stresstest.cli.output import print_document, text_table
    from stresstest.scenarios import load_scenarios

    found = load_scenarios([str(file) for file in files]).scenarios
    if as_json:
        print_document("scenarios", {"scenarios": [_content(scenario) for scenario in found]})
        return
    rows = [(s.id, s.name, s.family, "yes" if s.headline else "no", f"{s.horizon_days:g}", str(len(s.shocks))) for s in found]
    print(text_table(("id", "name", "family", "headline", "days", "shocks"), rows, right=frozenset({4, 5})))


def show(
    files: Files,
    wanted: Annotated[list[str], typer.Option("--id", help="Scenario; may be given several times.")],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """The shocks of scenarios, in the order in which the first match is looked for."""
    del debug
    from stresstest.cli.output import print_document
    from stresstest.errors import Fault, Reason, StressTestError
    from stresstest.scenarios import load_scenarios

    found = {scenario.id: scenario for scenario in load_scenarios([str(file) for file in files]).scenarios}
    unknown = [name for name in wanted if name not in found]
    if unknown:
        faults = [Fault(f"no scenario {name}", f"There are: {', '.join(list(found)[:20])}{', ...' if len(found) > 20 else ''}.") for name in unknown]
        raise StressTestError(Reason.USAGE, "there is no such scenario", faults)
    if as_json:
        print_document("scenarios", {"scenarios": [_content(found[name]) for name in wanted]})
        return
    print("\n\n".join(_text(found[name]) for name in wanted))


def _content(scenario: Scenario) -> dict[str, Any]:
    raise NotImplementedError


def _text(scenario: Scenario) -> str:
    raise NotImplementedError
