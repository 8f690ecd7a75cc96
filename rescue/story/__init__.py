"""What the disk remembers: told as a whole, and held against what the settings say. Pure."""
