cat > /etc/nftables.conf <<'RULES'
#!/usr/sbin/nft -f

flush ruleset

table inet shop {
	chain input {
		type filter hook input priority filter; policy drop;

		ct state established,related accept
		iifname "lo" accept
		meta l4proto { icmp, ipv6-icmp } accept
		tcp dport { 80, 443 } accept
	}
}

include "/etc/nftables.d/*.nft"
RULES
mkdir -p /etc/nftables.d
cat > /etc/nftables.d/admin.nft <<'RULES'
table inet admin {
	chain input {
		type filter hook input priority filter - 10; policy accept;

		tcp dport 22 accept
	}
}
RULES
nft -f /etc/nftables.conf
