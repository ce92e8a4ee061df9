"""What the models of documents are made of: strict numbers, versions, keys to come, and errors with hints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ModelWrapValidatorHandler, Strict, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from stresstest.documents.reading import Place, shown

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


class Part(BaseModel):
    """A part of a document: frozen, unknown keys refused, numbers finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_by_name=True, validate_by_alias=True)


Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
"""A finite number; text and true/false are refused, not converted."""
Amount = Annotated[Number, Field(ge=0)]
Ratio = Annotated[Number, Field(ge=0, le=1)]
Count = Annotated[int, Strict(), Field(ge=1)]
Flag = Annotated[bool, Strict()]
Name = Annotated[str, Field(min_length=1)]


def problem(what: str, hint: str = "") -> PydanticCustomError:
    """An error for a validator to raise, with the hint that the fault will carry."""
    return PydanticCustomError(HOUSE_RULE, "{what}", {"what": what, "hint": hint})


HOUSE_RULE = "house_rule"
TO_COME = "not_in_this_version"


def not_yet(what: str, hint: str = "") -> PydanticCustomError:
    """An error for a validator to raise where a known key or value asks for a feature to come."""
    return PydanticCustomError(TO_COME, "{what}", {"what": f"{what}: not in this version", "hint": hint})


def _refuse(value: object) -> object:
    if value is not None:
        raise not_yet("a feature to come", "Remove the key.")
    return value


ToCome = Annotated[Any, BeforeValidator(_refuse)]
"""A key of the format whose feature does not exist yet: only null is accepted."""


def _version(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and value > 1:
        raise not_yet(f"format version {value}", "This release reads version 1.")
    if value != 1 or isinstance(value, bool):
        raise problem(f"must be 1, not {shown(value)}", "Write `version: 1`.")
    return value


Version = Annotated[int, BeforeValidator(_version)]
"""Version of a file format; the only one so far is 1."""


Found = list[tuple[Place, PydanticCustomError]]
"""Errors and their places below the model that looks for them."""


def raise_all(title: str, found: Found) -> None:
    """For validators of a whole model: raises all that was found, each at its place below the model; nothing if it is empty."""
    if found:
        raise ValidationError.from_exception_data(title, [InitErrorDetails(type=error, loc=place, input=None) for place, error in found])


def with_rules(title: str, handler: ModelWrapValidatorHandler[M], data: Any, found: Found) -> M:
    """For wrap validators: the model, or the errors of its fields together with those found by its own rules."""
    try:
        model = handler(data)
    except ValidationError as error:
        if not found:
            raise
        own = [InitErrorDetails(type=each, loc=place, input=None) for place, each in found]
        raise ValidationError.from_exception_data(title, [*map(_again, error.errors(include_url=False)), *own]) from None
    raise_all(title, found)
    return model


def _again(details: ErrorDetails) -> InitErrorDetails:
    kind: Any = details["type"]
    context: dict[str, Any] = details.get("ctx", {})
    if kind in (TO_COME, HOUSE_RULE):
        kind = PydanticCustomError(kind, "{what}", context)
    return InitErrorDetails(type=kind, loc=details["loc"], input=details["input"], ctx=context)


def once(values: tuple[T, ...]) -> tuple[T, ...]:
    """For `AfterValidator`: each value once, where it stands first."""
    return tuple(dict.fromkeys(values))


def as_list(value: object) -> object:
    """For `BeforeValidator`: a single value where a list is wanted."""
    return value if value is None or isinstance(value, (list, tuple)) else [value]
