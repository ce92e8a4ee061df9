"""Why a scenario costs what it costs: margin balance less maintenance margin, split by factor, of accounts and of the whole book."""
