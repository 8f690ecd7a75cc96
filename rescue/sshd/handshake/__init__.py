"""What sshd and clients offer at the start of a connection, and what they agree on (RFC 4253, section 7)."""
