firewall-cmd --permanent --new-zone=shop
firewall-cmd --permanent --zone=shop --add-service=http
firewall-cmd --permanent --zone=shop --add-service=https
firewall-cmd --permanent --zone=shop --add-interface=eth0
firewall-cmd --reload
