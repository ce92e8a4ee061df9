"""`stresstest margins`: the margin models that come with the package, and what a margin file holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stresstest.cli.completion import complete_preset
from stresstest.cli.options import Debug, Json

if TYPE_CHECKING:
    from stresstest.margin.rulebook import Rulebook

File = Annotated[Path | None, typer.Argument(help="Margin file; without it: the presets.", metavar="[FILE]")]


SOURCE_WIDTH = 60


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="Look at margin models: presets, and those of a file.",
        no_args_is_help=True,
        rich_markup_mode=None,
        epilog="Example: stresstest margins show tims",
    )
    group.command(
        "list", epilog="Example: stresstest margins list sample_data/margin.yaml", short_help="List presets, or models and schedules of a file."
    )(list_)
    group.command("show", epilog="Example: stresstest margins show tims --yaml", short_help="Show the rules of a preset, or of a model of a file.")(
        show
    )
    app.add_typer(group, name="margins")


def list_(file: File = None, as_json: Json = False, debug: Debug = False) -> None:
    """One line per preset; of a margin file one per model and schedule."""
    del debug
    from stresstest.cli.output import print_document, text_table
    from stresstest.margin.rulebook import load_rulebook, presets

    shipped = {} if file else {name: _preset(name) for name in presets()}
    listed = [_about(name, rulebook, rulebook.name) for name, rulebook in shipped.items()]
    given = load_rulebook(file) if file else None
    models = [_about(name, given) for name in given.models] if given else []
    schedules = _schedules(given) if given else []
    if as_json:
        print_document("margins", {"presets": listed, "models": models, "schedules": schedules})
    elif given is None:
        print(text_table(("preset", "kind", "as of", "title"), [(each["name"], each["kind"], each["as_of"], each["title"]) for each in listed]))
    else:
        rows = [(each["name"], each["kind"], each["preset"] or "", each["as_of"] or "", _short(each["source"] or "")) for each in models]
        print(text_table(("model", "kind", "preset", "as of", "source"), rows))
        lines = [(each["name"], each["kind"], each["as_of"] or "", each["rules"]) for each in schedules]
        print("\n" + text_table(("schedule", "kind", "as of", "maintenance / initial"), lines))


def show(
    name: Annotated[str, typer.Argument(autocompletion=complete_preset, help="Preset, or a model of FILE.", metavar="NAME")],
    file: Annotated[Path | None, typer.Argument(help="Margin file that has the model; without it: a preset.", metavar="[FILE]")] = None,
    only_yaml: Annotated[bool, typer.Option("--yaml", help="Print a preset as the margin file that it is, and nothing else.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """The rules of a model: grid, add-ons, offsets, schedules; a preset's as a margin file to copy, too."""
    del debug
    from stresstest.cli.margins_view import model_lines
    from stresstest.cli.output import print_document, printable
    from stresstest.documents import suggest
    from stresstest.margin.rulebook import file_of_preset, load_rulebook, presets

    if only_yaml and (file or as_json):
        raise typer.BadParameter("is for presets, without --json", param_hint="--yaml")
    known = list(load_rulebook(file).models) if file else list(presets())
    if name not in known:
        where = f"in {file}" if file else "among the presets"
        raise typer.BadParameter(f"there is no {name!r} {where}. {suggest(name, known, 'Models' if file else 'Presets')}".rstrip(), param_hint="NAME")
    text = None if file else file_of_preset(name).read_text(encoding="utf-8")
    if only_yaml and text is not None:
        print(text, end="")
        return
    rulebook = load_rulebook(file) if file else _preset(name)
    title = None if file else rulebook.name
    if as_json:
        about = _about(name, rulebook, title)
        print_document("margin rules", {"model_kind": about.pop("kind"), **about, **_content(name, rulebook), "yaml": text})
        return
    print("\n".join(map(printable, model_lines(name, rulebook, title))))
    if text is not None:
        print(f"\nAs a margin file (stresstest margins show {name} --yaml):\n")
        print(text, end="")


def _short(source: str) -> str:
    """The beginning of a source: `margins show` and the document have all of it."""
    return source if len(source) <= SOURCE_WIDTH else f"{source[: SOURCE_WIDTH - 1].rstrip(' ,;.')}…"


def _preset(name: str) -> Rulebook:
    from stresstest.margin.rulebook import file_of_preset, load_rulebook

    return load_rulebook(file_of_preset(name))


def _about(name: str, rulebook: Rulebook, title: str | None = None) -> dict[str, Any]:
    """What a model is and where it comes from: from where its file does, if it does not say."""
    model = rulebook.models[name]
    return {
        "name": name,
        "kind": model.kind,
        "title": title,
        "preset": model.preset,
        "as_of": model.as_of or rulebook.as_of,
        "source": model.source or rulebook.source,
    }


def _content(name: str, rulebook: Rulebook) -> dict[str, Any]:
    model = rulebook.models[name]
    margin = {each.margin_schedule: rulebook.margin_schedules[each.margin_schedule] for each in model.assign}
    collateral = {each.collateral_schedule: rulebook.collateral_schedules[each.collateral_schedule] for each in model.assign_collateral}
    return {
        "notes": model.notes or rulebook.notes,
        "model": model.model_dump(mode="json", by_alias=True),
        "margin_schedules": {key: each.model_dump(mode="json", by_alias=True) for key, each in margin.items()},
        "collateral_schedules": {key: each.model_dump(mode="json", by_alias=True) for key, each in collateral.items()},
    }


def _schedules(rulebook: Rulebook) -> list[dict[str, Any]]:
    from stresstest.cli.margins_view import collateral_rules, margin_rules

    margin = [(name, "margin", margin_rules(each), each) for name, each in rulebook.margin_schedules.items()]
    collateral = [(name, "collateral", collateral_rules(each), each) for name, each in rulebook.collateral_schedules.items()]
    return [
        {"name": name, "kind": kind, "rules": rules, "as_of": each.as_of, "source": each.source} for name, kind, rules, each in (*margin, *collateral)
    ]
