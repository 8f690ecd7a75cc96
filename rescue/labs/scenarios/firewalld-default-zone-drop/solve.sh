firewall-cmd --permanent --zone=drop --add-service=ssh
firewall-cmd --reload
