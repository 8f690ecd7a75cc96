"""ufw: its settings, its rule files, and the two copies of its own rules. Pure."""
