useradd --create-home --shell /bin/bash deploy
echo "AllowUsers deploy" > /etc/ssh/sshd_config.d/70-users.conf
ufw default deny incoming
ufw allow 80/tcp
ufw allow 443/tcp
ufw --force enable
