sed -i s/rsa-sha2-512/ssh-ed25519,rsa-sha2-512/ /etc/ssh/sshd_config.d/15-approved.conf
systemctl restart ssh
