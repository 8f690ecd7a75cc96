"""What a person gets in with, given by the command line: a password."""
