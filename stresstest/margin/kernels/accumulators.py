"""The accumulators of one pool: rows of lanes that its program adds to."""

from __future__ import annotations

# Accumulators of a pool, one row of lanes each. The first ten become its figures in place (see `reduce`): few rows, so that they stay in the
# first-level cache.
APART = 0  # position value that is not in the balances as it is (long options, P&L behind a haircut)
HELD = 1  # balances at spot, unhaircut
INITIAL = 2  # initial margin balance besides DIRECT and KEPT
MAINTENANCE = 3  # margin balance besides DIRECT
NEED_INITIAL = 4
NEED_MAINTENANCE = 5
FIGURES = 10
DIRECT = 10  # position value that is in the balances as it is
KEPT = 11  # initial margin balance from positive collateral alone: also the K of `stress_loss_over_margin`
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
