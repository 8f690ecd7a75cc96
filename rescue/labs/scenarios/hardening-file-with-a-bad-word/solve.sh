sed -i s/none/no/ /etc/ssh/sshd_config.d/99-hardening.conf
systemctl restart ssh
