"""One module for each verb of the command line: what happens, in order. Options and exit codes are the cli's."""
