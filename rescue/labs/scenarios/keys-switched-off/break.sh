cat > /etc/ssh/sshd_config.d/30-company.conf <<'CONF'
# a laptop with keys on it was stolen: passwords only, until further notice
PubkeyAuthentication no
PasswordAuthentication yes
CONF
