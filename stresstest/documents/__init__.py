"""Documents that people write: YAML 1.2 (and so JSON) with positions, parsed into models with every fault at once."""

from stresstest.documents.kinds import expect
from stresstest.documents.parsing import examine, listed, parse, refusal, resembling, suggest
from stresstest.documents.parts import (
    Amount,
    Count,
    Flag,
    Found,
    Name,
    Number,
    Part,
    Ratio,
    ToCome,
    Version,
    as_list,
    not_yet,
    once,
    problem,
    raise_all,
    with_rules,
)
from stresstest.documents.reading import Document, Place, Problem, document_of, dotted, read_document, scalar, shown

__all__ = [
    "Amount", "Count", "Document", "Flag", "Found", "Name", "Number", "Part", "Place", "Problem", "Ratio", "ToCome", "Version",
    "as_list", "document_of", "dotted", "examine", "expect", "listed", "not_yet", "once", "parse", "problem", "raise_all", "read_document", "refusal",
    "resembling", "scalar", "shown", "suggest", "with_rules",
]  # fmt: skip
