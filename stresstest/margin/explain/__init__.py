"""Explain: every figure derived a second time, row by row, in Polars expressions from the formulas of the methodology.

Over any number of accounts and scenarios; shares nothing with the kernels but the tables, so that tests can hold the two together.
"""

from stresstest.margin.explain.derivation import Explanation, explain
from stresstest.margin.explain.document import as_document
from stresstest.margin.explain.holdings import Holdings, holdings_of

__all__ = ["Explanation", "Holdings", "as_document", "explain", "holdings_of"]
