"""Executes scripts of nft(8): tables, chains, sets and rules, and what nft or the kernel rejects. Pure."""
