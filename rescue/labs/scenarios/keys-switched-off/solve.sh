sed -i s/^Pubkey/#Pubkey/ /etc/ssh/sshd_config.d/30-company.conf
systemctl restart ssh
