sed -i s/authorised/authorized/ /etc/ssh/sshd_config
systemctl restart ssh
