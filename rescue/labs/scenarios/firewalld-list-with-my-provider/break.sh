firewall-cmd --permanent --new-ipset=bad --type=hash:net
for network in 203.0.113.0/24 192.0.2.0/24 198.51.100.0/25; do
    firewall-cmd --permanent --ipset=bad --add-entry=$network
done
firewall-cmd --permanent --zone=drop --add-source=ipset:bad
firewall-cmd --reload
