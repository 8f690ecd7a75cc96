"""Who else opens TCP ports at boot, and may take the one that SSH needs. Shared by checks; no check itself."""
