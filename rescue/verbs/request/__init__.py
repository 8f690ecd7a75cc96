"""The request: what the command line asks for, and what every command needs."""
