cat > /etc/ssh/sshd_config.d/15-approved.conf <<'CONF'
# approved algorithms only
PubkeyAcceptedAlgorithms rsa-sha2-512,rsa-sha2-256,ecdsa-sha2-nistp384
CONF
