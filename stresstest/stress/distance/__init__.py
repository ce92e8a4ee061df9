"""How far every margin pool is from its lines: along one factor, up and down, and along the multiples of a scenario."""
