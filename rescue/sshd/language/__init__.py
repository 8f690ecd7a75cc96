"""The language of sshd_config(5): lines, keywords, values, patterns, and the versions that know them. Pure."""
