"""The sample venue: what is listed, who trades, and the venue's own margin system."""
