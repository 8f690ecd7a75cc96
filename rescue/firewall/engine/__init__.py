"""The engine: rulesets as the kernel holds them, evaluated for all sources at once. It imports no reader. Pure."""
