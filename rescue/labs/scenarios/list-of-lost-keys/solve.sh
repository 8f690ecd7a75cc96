touch /etc/ssh/revoked_keys
