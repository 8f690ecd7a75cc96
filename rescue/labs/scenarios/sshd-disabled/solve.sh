systemctl enable ssh
systemctl start ssh
