"""The engine: rulesets as the kernel holds them, evaluated for all sources at once. Imports no reader. Pure."""
