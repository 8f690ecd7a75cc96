"""What is shown to people, wherever: text made harmless, numbers, lists, diffs, and secrets kept out of them. Pure."""
