"""What owners are left owing, and who pays it: the layers of the waterfall, and rules that share out what is behind them."""
