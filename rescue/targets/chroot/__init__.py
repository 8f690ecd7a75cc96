"""The server's own programs, run inside its root."""
