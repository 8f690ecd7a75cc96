"""The language of nft(8): tokens, values, types, headers, and the conditions built from them. Pure."""
