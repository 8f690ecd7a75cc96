firewall-cmd --permanent --add-rich-rule='rule family="ipv4" source address="192.0.2.0/24" drop'
firewall-cmd --permanent --add-rich-rule='rule family="ipv4" source address="192.0.2.1" service name="ssh" accept'
firewall-cmd --reload
