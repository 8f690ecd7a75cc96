iptables -N f2b-sshd
iptables -A f2b-sshd -s 203.0.113.9 -j REJECT --reject-with icmp-port-unreachable
iptables -A f2b-sshd -s 192.0.2.1 -j REJECT --reject-with icmp-port-unreachable
iptables -A f2b-sshd -j RETURN
iptables -A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd
iptables -A INPUT -p tcp -m multiport --dports 25,110 -j DROP
netfilter-persistent save
