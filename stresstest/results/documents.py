"""JSON documents of a run: versioned models, written in one canonical form."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from stresstest.errors import Fault, Reason, StressTestError


class Document(BaseModel):
    """A JSON document or a part of one: no unknown keys, no NaN, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=Document)


def canonical(value: Any) -> bytes:
    """The one JSON text of a value that hashes are taken of: keys sorted, no spaces, UTF-8, floats in shortest form.

    >>> canonical({"b": 1.5, "a": None})
    b'{"a":null,"b":1.5}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def write_document(document: Document, path: Path) -> Path:
    """Write a document, indented and with a line end, and see it safely on disk."""
    text = json.dumps(document.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    return path


def read_document(model: type[Model], path: Path) -> Model:
    """Read a document of a finished run.

    Raises:
        StressTestError: input data, when it is missing, damaged or of another version.
    """
    try:
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        hint = "Give the result folder of a finished run (the one with manifest.json in it)."
        fault = Fault("there is no such file", hint, file=str(path))
        raise StressTestError(Reason.INPUT_DATA, "this is not the folder of a finished run", [fault]) from error
    except (OSError, ValidationError) as error:
        hint = "It was damaged, or written by another version of stresstest: run the stress test again."
        raise StressTestError(Reason.INPUT_DATA, "a document of the run cannot be read", [Fault(_first_line(error), hint, file=str(path))]) from error


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return ": ".join(part for part in (".".join(str(each) for each in first["loc"]), first["msg"]) if part)
    return str(error)
