"""What is asked of the book: what scenarios do to every account, how far it is from failing, what would make it fail, and what follows from that."""
