"""What is asked of the book: the static stress of every account under every scenario."""
