systemctl unmask ssh
systemctl start ssh
