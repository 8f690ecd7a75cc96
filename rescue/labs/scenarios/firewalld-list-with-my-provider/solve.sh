firewall-cmd --permanent --ipset=bad --remove-entry=192.0.2.0/24
firewall-cmd --reload
