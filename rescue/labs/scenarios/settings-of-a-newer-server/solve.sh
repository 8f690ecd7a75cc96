sed -i s/^PerSource/#PerSource/ /etc/ssh/sshd_config.d/20-guessers.conf
systemctl restart ssh
