ufw allow OpenSSH
ufw --force enable
sed -i '/^### END RULES ###/i -A ufw-user-input -p tcp --dport 25565 -j ACEPT\n' /etc/ufw/user.rules
