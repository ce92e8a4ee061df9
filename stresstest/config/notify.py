"""Who is told how a run ended: addresses, which are secrets, and on what."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, SecretStr

from stresstest.documents import Part, as_list, once, problem

NOTIFY_VARIABLE = "STRESSTEST_NOTIFY"
"""Variable with the addresses, commas between: a run file is shared, an environment need not be."""

Occasion = Literal["failure", "red", "amber"]

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9]*://.+")
_BETWEEN = re.compile(r"\s*,\s*(?=[A-Za-z][A-Za-z0-9]*://)")
"""A comma between two addresses; one inside an address is part of it."""
_EXAMPLE = "An address is, for example, mailto://user:password@example.com or slack://TOKEN; see the operations page."


def split_addresses(text: str) -> list[str]:
    """Addresses with commas between.

    >>> split_addresses("json://one.example/a,b, mailto://two.example")
    ['json://one.example/a,b', 'mailto://two.example']
    """
    return [each for each in _BETWEEN.split(text.strip()) if each]


def as_section(value: object) -> object:
    """Addresses that are written without their section, as the section; so no message ever shows them as a value that is wrong."""
    return {"urls": value} if isinstance(value, (str, list, tuple)) else value


def _addresses(value: object) -> object:
    """A list of addresses; what is none is told by its number, never by what it says."""
    value = as_list(split_addresses(value) if isinstance(value, str) else value)
    if not isinstance(value, (list, tuple)):
        raise problem("must be a list of addresses", _EXAMPLE)
    texts = [each.get_secret_value() if isinstance(each, SecretStr) else each for each in value]
    wrong = [str(number) for number, each in enumerate(texts, start=1) if not (isinstance(each, str) and _ADDRESS.fullmatch(each.strip()))]
    if wrong:
        raise problem(f"number {', '.join(wrong)} of {len(texts)} is no address (it is not shown: it may be a secret)", _EXAMPLE)
    return tuple(str(each).strip() for each in texts)


def _occasions(value: object) -> object:
    value = as_list(value)
    if isinstance(value, (list, tuple)) and any("://" in str(each) for each in value):
        raise problem("names an address (it is not shown: it may be a secret)", "Addresses stand in `notify.urls`; `on` is failure, red, amber.")
    return value


class Notify(Part):
    """Addresses (as apprise understands them) that are sent a message when a run ends, and `on` what: `failure` (any exit code but 0 and 5), a `red`
    or an `amber` light.

    Addresses are secrets. They are kept in memory alone: no result folder, plan, log or message holds them.
    """

    urls: Annotated[tuple[SecretStr, ...], BeforeValidator(_addresses, json_schema_input_type=list[str] | str)] = ()
    on: Annotated[tuple[Occasion, ...], BeforeValidator(_occasions, json_schema_input_type=list[Occasion] | Occasion), AfterValidator(once)] = (
        "failure", "red",
    )  # fmt: skip
