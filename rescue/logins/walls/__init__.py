"""What the settings of sshd's unit take from a login: hidden files, capabilities, system calls, limits. Pure.

`needs` says what a login needs, `judge` holds the unit's settings against it.
"""
