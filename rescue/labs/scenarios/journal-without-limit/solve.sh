journalctl --vacuum-size=50M
ssh-keygen -A
systemctl restart ssh
