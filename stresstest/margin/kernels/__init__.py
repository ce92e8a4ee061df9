"""The compiled contraction: pools x scenarios -> equity, balances, requirements, reduced at once.

`lanes` puts scenarios into blocks of lanes; `tables` holds everything about instruments, assets, schedules and models as
arrays; `fold` (with `balances` and `requirements`) turns each pool into a short `program` once; `walk` (with `loops`, `tokens` and
`netting`) runs the program over a block of lanes into the `accumulators`; `figures` finishes a pool; `reduce` (with `totals`) sums, ranks
and selects what is kept.

Kernels pass arrays one by one, in long lists: a tuple of arrays is taken apart at every call between compiled functions,
which made compilation ten times slower, and every array taken out of one in a loop counts a reference. The tuples of `tables`,
`program` and `totals` are therefore opened once, at the top.
"""
