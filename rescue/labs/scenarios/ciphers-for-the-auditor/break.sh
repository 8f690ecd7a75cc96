cat > /etc/ssh/sshd_config.d/20-audit.conf <<'CONF'
# audit finding 7: block ciphers only, no stream or counter modes
Ciphers aes256-cbc,aes192-cbc,aes128-cbc
MACs hmac-sha1
CONF
