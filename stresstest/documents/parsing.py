"""Models from documents: every error of pydantic as a fault with file, line, path, and how to mend it."""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ValidationError

from stresstest.documents.parts import HOUSE_RULE, TO_COME, ToCome
from stresstest.documents.reading import Document, Key, Place, Problem, scalar, shown
from stresstest.errors import Fault, Reason, StressTestError, counted

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)


def examine(model: type[M], data: Any) -> tuple[M | None, list[Problem]]:
    """The model of the data, or None and every problem that it has."""
    if data is None:
        return None, [Problem((), "is empty", f"Needed: {', '.join(_needed(model)) or 'a mapping of keys'}.")]
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        # A number that stands for a pair is refused once per half: the same words at the same place.
        return None, list(dict.fromkeys(_problem(model, data, details) for details in error.errors(include_url=False)))


def parse(model: type[M], document: Document, reason: Reason) -> M:
    """The model of a document.

    Raises:
        StressTestError: with one fault, with file and line, for every error that pydantic finds. The reason is
            `NOT_IN_THIS_VERSION` where features to come are all that is wrong.
    """
    parsed, problems = examine(model, document.data)
    if parsed is None:
        raise refusal(document.file, reason, problems, [document.fault(each) for each in problems])
    return parsed


def refusal(what: str, reason: Reason, problems: list[Problem], faults: list[Fault]) -> StressTestError:
    """The error for faults found in a document; features to come have their own reason where nothing else is wrong."""
    if problems and all(each.to_come for each in problems):
        reason = Reason.NOT_IN_THIS_VERSION
    return StressTestError(reason, f"{what} has {counted(len(faults), 'fault')}", faults)


def _needed(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items() if info.is_required()]


def _problem(model: type[BaseModel], data: Any, details: ErrorDetails) -> Problem:
    place = _place(data, details)
    kind, given, context = details["type"], details["input"], details.get("ctx", {})
    last = place[-1] if place else ""
    if kind == TO_COME:
        what = str(context["what"]).replace("a feature to come", f"`{last}`")
        return Problem(place, what, str(context["hint"]), to_come=True)
    if kind == HOUSE_RULE:
        return Problem(place, str(context["what"]), str(context["hint"]))
    if kind == "extra_forbidden":
        return _unknown_key(model, _part(data, place[:-1]), place)
    if kind == "missing":
        return Problem(place, f"`{last}` is missing", f"Add `{last}`.")
    if kind == "literal_error":
        choices = re.findall(r"'((?:[^'\\]|\\.)*)'", str(context["expected"]))
        return Problem(place, f"must be one of {', '.join(choices)}, not {shown(given)}", resembling(str(given), choices))
    wording = _WORDING.get(kind)
    if wording is None:
        return Problem(place, f"{details['msg'][:1].lower()}{details['msg'][1:]}, given {shown(given)}")
    what = wording.format(**context)
    return Problem(place, f"{what}, not {shown(given)}", _mend(kind, given))


_WORDING = {
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "finite_number": "must be a finite number",
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be below {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "too_short": "must have at least {min_length} entries",
    "string_too_short": "must have at least {min_length} characters",
}


def _mend(kind: str, given: Any) -> str:
    if kind in ("float_type", "float_parsing", "int_type", "int_parsing") and isinstance(given, str):
        bare = scalar(given)
        if isinstance(bare, (int, float)) and not isinstance(bare, bool):
            return "Write it without quotes."
        return "Shares are decimals: 0.05, not 5%." if given.strip().endswith("%") else ""
    if kind == "string_type" and isinstance(given, (int, float)):
        return "Put it in quotes."
    return ""


LISTED = 24
"""Names in a hint: every key of a file, and not a wall of scenario ids."""


def suggest(word: str, choices: list[str], heading: str) -> str:
    """The hint for a word that is none of the choices: the one it resembles, else all of them, or the first of very many."""
    return resembling(word, choices) or listed(choices, heading)


def listed(choices: Sequence[str], heading: str) -> str:
    """All choices, or the first of very many; empty where there are none."""
    more = f" and {len(choices) - LISTED:,} more" if len(choices) > LISTED else ""
    return f"{heading}: {', '.join(choices[:LISTED])}{more}." if choices else ""


def resembling(word: str, choices: Sequence[str]) -> str:
    """The hint for a word that is none of the choices, where those are named already: the one it resembles, if there is one."""
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    return f"Did you mean `{close[0]}`?" if close else ""


def _place(data: Any, details: ErrorDetails) -> Place:
    """Pydantic's location without the parts (names of union members, of validators) that the document does not have."""
    place: list[Key] = []
    loc = details["loc"]
    for number, key in enumerate(loc):
        children: Any = data if isinstance(data, dict) else dict(enumerate(data)) if isinstance(data, list) else {}
        if key in children:
            data = children[key]
            place.append(key)
        elif details["type"] == "missing" and number == len(loc) - 1:
            place.append(key)
    return tuple(place)


def _unknown_key(model: type[BaseModel], part: Any, place: Place) -> Problem:
    """Where parts of several kinds may stand, the keys that the kind given has; a key that others have is said to be theirs."""
    key = str(place[-1])
    candidates = _candidates(model, place[:-1])
    given = part.get("kind") if isinstance(part, dict) else None
    # A part that does not state its kind may be of any, so all its keys are suggested.
    of_kind = [each for each in candidates if given is not None and given in _kinds(each)] or candidates
    elsewhere = sorted(str(_kinds(each)[0]) for each in candidates if _kinds(each) and key in _keys(each))
    if elsewhere:
        return Problem(place, f"unknown key `{key}` for this kind", f"Only kind {' and '.join(elsewhere)} has it.")
    return Problem(place, f"unknown key `{key}`", suggest(key, [name for each in of_kind for name in _keys(each)], "Known keys"))


def _part(data: Any, place: Place) -> Any:
    for key in place:
        data = data[key]
    return data


def _candidates(model: type[BaseModel], place: Place) -> list[type[BaseModel]]:
    """The models that may stand at the place, found by walking from `model` along it."""
    candidates: list[Any] = [model]
    for key in place:
        candidates = [below for each in candidates for below in _below(each, key)]
    # Where a list may be written as its only entry, the entry stands at the place of the list.
    candidates += [below for each in candidates if get_origin(each) in (list, tuple) for below in _below(each, 0)]
    return [each for each in candidates if isinstance(each, type) and issubclass(each, BaseModel)]


def _kinds(model: type[BaseModel]) -> tuple[Any, ...]:
    """What `kind` may be where it tells this model from others, and None where it may be left out; empty for models without kinds."""
    field = model.model_fields.get("kind")
    if field is None:
        return ()
    return (*get_args(field.annotation), *(() if field.is_required() else (None,)))


def _keys(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items() if not any(m is _TO_COME_MARK for m in info.metadata)]


_TO_COME_MARK: BeforeValidator = get_args(ToCome)[1]


def _below(annotation: Any, key: Key) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, info in annotation.model_fields.items():
            if key in (name, info.alias):
                return _members(info.annotation)
        return []
    arguments = get_args(annotation)
    origin = get_origin(annotation)
    if origin is dict and len(arguments) == 2:
        return _members(arguments[1])
    if origin in (list, tuple) and arguments:
        return _members(arguments[0])
    return []


def _members(annotation: Any) -> list[Any]:
    """The plain types of an annotation: out of Annotated, members of a union one by one."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _members(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [plain for member in get_args(annotation) for plain in _members(member)]
    return [annotation]
