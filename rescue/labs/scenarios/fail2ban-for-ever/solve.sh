fail2ban-client unban 192.0.2.1
