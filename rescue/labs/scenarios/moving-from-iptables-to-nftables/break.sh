iptables -A INPUT -i lo -j ACCEPT
iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A INPUT -p tcp --dport 2222 -j ACCEPT
iptables -P INPUT DROP
netfilter-persistent save
cat > /etc/nftables.conf <<'RULES'
#!/usr/sbin/nft -f

flush ruleset

table inet filter {
	chain input {
		type filter hook input priority filter; polcy accept;
		tcp dport { 22, 80, 443 } counter accept
	}
}
RULES
systemctl enable nftables
