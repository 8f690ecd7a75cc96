iptables -A INPUT -i lo -j ACCEPT
iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A INPUT -p tcp -m multiport --dports 80,443 -j ACCEPT
iptables -P INPUT DROP
netfilter-persistent save
cat > /etc/nftables.conf <<'RULES'
#!/usr/sbin/nft -f

table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;

		ct state established,related accept
		iifname "lo" accept
		meta l4proto { icmp, ipv6-icmp } accept
		tcp dport { 22, 80, 443 } accept
	}
}
RULES
systemctl enable nftables
