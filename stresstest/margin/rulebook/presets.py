"""Margin models that come with the package: `preset: NAME` in a model of a margin file.

A preset is a margin file of its own with one model, named as the file is: `name` is its title, `source` and `as_of` say whose rules
it has and of which day, `notes` what is simplified.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from stresstest.documents import Found, problem, read_document, suggest
from stresstest.errors import Reason

FOLDER = Path(__file__).parents[1] / "presets"
SCHEDULES = (("margin_schedules", "assign", "margin_schedule"), ("collateral_schedules", "assign_collateral", "collateral_schedule"))
"""Where a margin file defines schedules, and the key and entry of a model that name them."""


@cache
def presets() -> tuple[str, ...]:
    """The names of the shipped presets, in alphabetical order."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.yaml")))


def file_of_preset(name: str) -> Path:
    """The margin file of a preset."""
    return FOLDER / f"{name}.yaml"


def is_of_preset(schedule: str) -> bool:
    """Whether a schedule bears the name of one of a preset's."""
    return schedule.partition("/")[0] in presets() and "/" in schedule


def with_presets(data: Any) -> tuple[Any, Found]:
    """The data of a margin file with its presets written out, and what is wrong with them, by place.

    A model with `preset` is the preset's model with the keys beside `preset` laid over it, top-level key by top-level key. The schedules
    of the preset join those of the file as `PRESET/NAME`, which the preset's `assign` and `assign_collateral` name; a schedule
    that the file defines by that name is taken instead. A model whose preset is not there is left out.
    """
    models = data.get("models") if isinstance(data, Mapping) else None
    if not isinstance(models, Mapping) or not any(isinstance(model, Mapping) and model.get("preset") is not None for model in models.values()):
        return data, []
    found: Found = []
    written: dict[str, Any] = {}
    joined: dict[str, dict[str, Any]] = {key: {} for key, _, _ in SCHEDULES}
    for name, model in models.items():
        preset = model.get("preset") if isinstance(model, Mapping) else None
        if preset is None:
            written[name] = model
        elif preset not in presets():
            what = f"there is no preset `{preset}`"
            found.append((("models", name, "preset"), problem(what, suggest(str(preset), list(presets()), "Presets"))))
        elif model.get("kind", _model(preset)["kind"]) != _model(preset)["kind"]:
            what = f"preset `{preset}` is of kind {_model(preset)['kind']}, not {model['kind']}"
            found.append((("models", name, "kind"), problem(what, "Leave `kind` out.")))
        else:
            written[name] = {**_model(preset), **model}
            for key, _, _ in SCHEDULES:
                joined[key] |= {f"{preset}/{schedule}": content for schedule, content in _document(preset).get(key, {}).items()}
    whole: dict[str, Any] = {**data, "models": written}
    for key, schedules in joined.items():
        own = data.get(key)
        if schedules and (own is None or isinstance(own, Mapping)):
            whole[key] = {**schedules, **(own or {})}
    return whole, found


def with_presets_as_models(data: Any, named: Iterable[str]) -> Any:
    """The data of a margin file, with every preset among the names as the model `NAME: {preset: NAME}`, unless the file has a model of that name."""
    models = (data.get("models") or {}) if isinstance(data, Mapping) else None
    if not isinstance(models, Mapping):
        return data
    added = {name: {"preset": name} for name in named if name in presets() and name not in models}
    return {**data, "models": {**models, **added}} if added else data


def _model(preset: str) -> dict[str, Any]:
    """The model of a preset, with its place of origin, its schedules under their names in other files."""
    document = _document(preset)
    model = {"kind": "tiered", **{key: document[key] for key in ("source", "as_of", "notes") if key in document}, **document["models"][preset]}
    for _, key, entry in SCHEDULES:
        if key in model:
            model[key] = [{**each, entry: f"{preset}/{each[entry]}"} for each in model[key]]
    return model


@cache
def _document(preset: str) -> dict[str, Any]:
    document: dict[str, Any] = read_document(file_of_preset(preset), Reason.MARGIN_FILE).data
    return document
