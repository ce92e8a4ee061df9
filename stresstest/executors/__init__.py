"""Map a pure function over blocks: threads or processes."""
