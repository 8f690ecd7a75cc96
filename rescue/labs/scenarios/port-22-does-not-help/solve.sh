sed -i 's/p 2222/p 2222 -p 22/' /etc/default/ssh
systemctl restart ssh
