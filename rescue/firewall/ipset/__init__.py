"""ipset: saved sets, their elements, and the rules that match against them. Pure."""
