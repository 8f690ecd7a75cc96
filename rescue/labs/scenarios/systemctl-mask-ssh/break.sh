systemctl stop ssh
systemctl mask ssh
