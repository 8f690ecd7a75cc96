"""The contract that every target is held to: one sample, one suite of checks, run against each kind of target."""
