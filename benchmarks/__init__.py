"""How fast stresstest is, beside what a user would do instead: `python -m benchmarks`, or `make bench`."""
