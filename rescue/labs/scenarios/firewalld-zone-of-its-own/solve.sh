firewall-cmd --permanent --zone=shop --add-service=ssh
firewall-cmd --reload
