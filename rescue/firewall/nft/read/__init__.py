"""Scripts of nft(8) carried out: tables, chains, sets and rules, and what nft or the kernel rejects. Pure."""
