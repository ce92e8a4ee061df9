"""What is wrong with the words of a command: said by us, not by the library that turns words into numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import typer

if TYPE_CHECKING:
    from typer.core import TyperArgument, TyperOption

_EXAMPLES = {int: "4", float: "300"}


def usage_text(error: typer.TyperException) -> str:
    """What is wrong with a word, what it may be, and how to mend it; other misuse (an unknown flag, a word that lacks) as Typer says it."""
    parameter, refused = getattr(error, "param", None), error.__cause__
    if parameter is None or refused is None or not hasattr(refused, "errors"):
        return error.format_message()
    given = refused.errors(include_url=False)[0]["input"]
    # Typer's own wording of the place, which also names the variable of the environment.
    return typer.BadParameter(_told(parameter, given), ctx=getattr(error, "ctx", None), param=parameter).format_message()


def _told(parameter: TyperOption | TyperArgument, given: object) -> str:
    from stresstest.documents import resembling, scalar, shown

    annotation: Any = parameter.type_descriptor.annotation
    if get_origin(annotation) is Literal:
        choices = [str(each) for each in get_args(annotation)]
        mend = resembling(str(given), choices)
        wanted = f"one of {', '.join(choices)}"
    else:
        low, high = getattr(parameter, "min", None), getattr(parameter, "max", None)
        wanted = _kind(annotation, low, high)
        mend = f"For example: {parameter.opts[0]} {_EXAMPLES[annotation]}." if annotation in _EXAMPLES else ""
        if high == 1:
            mend = "A share is a decimal: 0.25 is 25 %."
    return f"must be {wanted}, not {shown(scalar(str(given)))}. {mend}".rstrip()


def _kind(annotation: object, low: float | None, high: float | None) -> str:
    """
    >>> _kind(float, 0, 1), _kind(int, 1, None), _kind(int, None, None)
    ('a number from 0 to 1', 'a whole number of at least 1', 'a whole number')
    """
    kinds: dict[object, str] = {int: "a whole number", float: "a number", bool: "true or false"}
    kind = kinds.get(annotation, "something else")
    if low is not None and high is not None:
        return f"{kind} from {low:g} to {high:g}"
    return kind if low is None else f"{kind} of at least {low:g}"
