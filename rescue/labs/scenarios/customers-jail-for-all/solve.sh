sed -i s/^Match/#Match/ /etc/ssh/sshd_config.d/35-jail.conf
sed -i s/Chroot/#Chroot/ /etc/ssh/sshd_config.d/35-jail.conf
systemctl restart ssh
