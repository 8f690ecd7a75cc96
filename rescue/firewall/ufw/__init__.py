"""ufw: its settings and rule files, and its own rules' two copies. Pure."""
