"""ipset: saved sets, their elements, and the rules that ask for them. Pure."""
