firewall-cmd --permanent --direct --add-rule ipv4 filter INPUT 0 -p tcp --dport 23 -j DROP
firewall-cmd --permanent --direct --add-rule ipv4 filter INPUT 0 -p tcp --dport 22 -j DROP
firewall-cmd --permanent --add-rich-rule='rule priority="-32768" service name="ssh" accept'
firewall-cmd --reload
