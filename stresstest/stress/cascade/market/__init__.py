"""The market that forced sales meet: impact functions, where their parameters come from, and the prices that they make."""
