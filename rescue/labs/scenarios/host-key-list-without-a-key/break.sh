rm -f /etc/ssh/ssh_host_rsa_key /etc/ssh/ssh_host_rsa_key.pub
cat > /etc/ssh/sshd_config.d/20-host-keys.conf <<'CONF'
HostKeyAlgorithms rsa-sha2-512,rsa-sha2-256
CONF
