echo 'HostKeyAlgorithms rsa-sha2-512,rsa-sha2-256,ssh-ed25519' > /etc/ssh/sshd_config.d/20-host-keys.conf
systemctl restart ssh
