"""What the kernels read of strategy models: one record a model, and one for every instrument under each of them."""

from __future__ import annotations

import numpy as np

# Recognition of a model.
PAIRS, EXPIRY_MAX_LOSS = 0, 1
# Kinds of leg; spot positions are shares where the model has rates for them.
NO_LEG, SHARES, CALL, PUT = 0, 1, 2, 3

STRATEGY = np.dtype(
    [
        ("first", np.int64),
        ("recognition", np.int32),
        ("spare", np.int32),
        ("unpaired_maintenance", np.float64),
        ("unpaired_initial", np.float64),
        ("short_maintenance", np.float64),
        ("short_initial", np.float64),
    ]
)
"""`first`: where its legs begin. `short_*`: rates on short shares."""

STRATEGY_LEG = np.dtype(
    [
        ("kind", np.int32),
        ("rank", np.int32),
        ("group", np.int32),
        ("underlying", np.int32),
        ("value_row", np.int32),
        ("strike_row", np.int32),
        ("forward_row", np.int32),
        ("maintenance_row", np.int32),
        ("initial_row", np.int32),
        ("spare", np.int32),
        ("expiry", np.int64),
        ("strike", np.float64),
        ("size", np.float64),
        ("long_maintenance", np.float64),
        ("long_initial", np.float64),
    ]
)
"""An instrument under a model. `rank`: order by underlying (shares first), currency of the strike (together the `group`), expiry, type, and
the strike that protects best first: low of calls, high of puts. Rows: value of one contract, X of the strike's currency, forward in
reporting currency, what one naked short contract needs besides its value. `size`: units of the underlying a contract. `long_*`: what of its
value a long one needs, of shares too."""
