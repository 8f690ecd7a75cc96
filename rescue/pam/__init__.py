"""PAM: a service's stacks, and the modules that decide by files of their own. Pure."""
