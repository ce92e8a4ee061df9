"""What would it take: `reverse` along directions, by plausibility, in two-way grids, and as a frontier of multiples and defaults."""
