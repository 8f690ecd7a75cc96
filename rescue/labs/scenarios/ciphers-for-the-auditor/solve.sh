sed -i 's/aes128-cbc/aes128-cbc,aes256-gcm@openssh.com/' /etc/ssh/sshd_config.d/20-audit.conf
systemctl restart ssh
