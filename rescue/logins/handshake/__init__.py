"""What this server's sshd offers, held against the clients in question. Shared by its checks; no check itself."""
