sed -i /25565/d /etc/ufw/user.rules
ufw reload
ufw allow 25565/tcp
