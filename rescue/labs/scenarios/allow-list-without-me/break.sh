useradd --create-home --shell /bin/bash deploy
echo "AllowUsers deploy" >> /etc/ssh/sshd_config
