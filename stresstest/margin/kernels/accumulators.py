"""The accumulators of one pool: rows of lanes that its program adds to.

The first ten become the pool's figures in place (see `figures`): few rows, so that they stay in the first-level cache. Kernels name rows by
number and never make a view of one: a view costs two calls to count references, as much as the work on a short row.
"""

from __future__ import annotations

DIRECT = 0  # position value that is in the balances as it is
HELD = 1  # balances at spot, unhaircut
KEPT = 2  # initial margin balance from positive collateral alone: also the K of `stress_loss_over_margin`
MAINTENANCE = 3  # margin balance besides DIRECT
NEED_INITIAL = 4
NEED_MAINTENANCE = 5
FIGURES = 10
# Cleared only by pools that use them.
APART = 10  # position value that is not in the balances as it is (long options, P&L behind a haircut or a weight)
INITIAL = 11  # initial margin balance besides DIRECT and KEPT
KEPT_BEHIND = 12  # K of tokens whose balance goes into INITIAL together with P&L
GROUP_MAINTENANCE = 13
GROUP_INITIAL = 14
TOKEN_HELD = 15
TOKEN_PNL = 16
WEIGHED_MAINTENANCE = 17
WEIGHED_INITIAL = 18
MEASURED = 19
NETTED = 20
LONG = 21
SHORT = 22
SCRATCH = 23
ACCUMULATORS = 24
