firewall-cmd --permanent --add-rich-rule='rule priority=-10 family=ipv4 source address=192.0.2.1 service name=ssh accept'
firewall-cmd --reload
