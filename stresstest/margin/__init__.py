"""Margin files, the kernels that turn pools and unit values into balances and requirements, and `explain`."""
