sed -i s/IPV6=no/IPV6=yes/ /etc/default/ufw
ufw reload
ufw allow OpenSSH
