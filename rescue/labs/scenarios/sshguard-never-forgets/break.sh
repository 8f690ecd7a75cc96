mkdir -p /var/lib/sshguard
echo 'BLACKLIST_FILE=30:/var/lib/sshguard/blacklist.db' >> /etc/sshguard/sshguard.conf
for port in 40001 40002 40003 40004; do
    echo "Invalid user backup from 203.0.113.9 port $port"
    echo "Invalid user backup from 192.0.2.1 port $port"
done | /usr/libexec/sshguard/sshg-parser |
    /usr/libexec/sshguard/sshg-blocker -a 30 -b 30:/var/lib/sshguard/blacklist.db > /dev/null
