echo "RevokedKeys /etc/ssh/revoked_keys" > /etc/ssh/sshd_config.d/80-revoked.conf
