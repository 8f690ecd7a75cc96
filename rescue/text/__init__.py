"""Text for users: escaped text, numbers, lists, and diffs without secrets. Pure."""
