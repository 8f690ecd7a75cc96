cat > /etc/nftables.conf <<'RULES'
#!/usr/sbin/nft -f

flush ruleset

table inet filter {
	set web {
		type inet_service
		elements = { 80, 443 }
	}
	chain input {
		type filter hook input priority filter; policy drop;

		ct state vmap { established : accept, related : accept, invalid : drop }
		iifname "lo" accept
		meta l4proto { icmp, ipv6-icmp } accept
		tcp dport @web accept
	}
}
RULES
nft -f /etc/nftables.conf
