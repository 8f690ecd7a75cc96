firewall-cmd --permanent --direct --remove-rule ipv4 filter INPUT 0 -p tcp --dport 22 -j DROP
firewall-cmd --reload
