"""The same job with the tools that a user has at hand.

Each module has `work(book, scenarios) -> Answer`: from the Parquet files of a book and a scenario set to, per scenario, the total margin
shortfall, initial shortfall and uncollateralised loss, and per account the smallest margin balance less maintenance margin. They
know what this book is like (linear contracts in one currency, one pool an account, every scenario moves every underlying),
keep no statuses, owners, Cover-N or `stress_loss_over_margin`, and check nothing: less than what they are held against.
"""
