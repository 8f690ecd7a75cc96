"""Real servers for tests: a Debian root to break, its own sshd behind its own firewall, whole machines."""
