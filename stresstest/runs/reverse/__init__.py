"""What would it take: `reverse` along directions, by plausibility, and as a frontier of multiples and defaults."""
