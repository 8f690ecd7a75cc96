cat > /etc/ssh/sshd_config.d/40-two-factors.conf <<'CONF'
AuthenticationMethods publickey,password
CONF
