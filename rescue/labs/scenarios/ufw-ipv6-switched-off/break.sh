sed -i 's/^IPV6=yes$/IPV6=no/' /etc/default/ufw
ufw allow OpenSSH
ufw --force enable
