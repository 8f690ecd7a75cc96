firewall-cmd --permanent --add-service=ssh
firewall-cmd --reload
