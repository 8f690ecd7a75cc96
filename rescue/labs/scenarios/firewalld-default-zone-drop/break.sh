firewall-cmd --permanent --zone=drop --add-service=http
firewall-cmd --permanent --zone=drop --add-service=https
firewall-cmd --reload
firewall-cmd --set-default-zone=drop
