chmod 777 /home/alice
systemctl stop ssh
systemctl mask ssh
