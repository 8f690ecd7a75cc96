cat > /etc/iptables.up.rules <<'RULES'
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p icmp -j ACCEPT
-A INPUT -p tcp -m tcp --dport 8443 -j ACCEPT
COMMIT
RULES
cat > /etc/rc.local <<'SCRIPT'
#!/bin/sh
# firewall, see the wiki
iptables-restore < /etc/iptables.up.rules
exit 0
SCRIPT
chmod +x /etc/rc.local
