"""The compiled contraction: pools x scenarios -> equity, balances, requirements, reduced at once.

`lanes` puts scenarios into blocks of lanes; `tables` holds everything about instruments, assets, schedules and models as
arrays; `fold` turns each pool into a short program once; `walk` runs the program over a block of lanes; `reduce` sums, ranks
and selects what is kept.
"""
