cat > /etc/cron.daily/ban-guessers <<'SCRIPT'
#!/bin/sh
cat /var/lib/ban-guessers/* | sort -u | while read -r address; do
    grep -q "$address" /etc/hosts.deny || echo "sshd: $address" >> /etc/hosts.deny
done
SCRIPT
chmod 755 /etc/cron.daily/ban-guessers
mkdir -p /var/lib/ban-guessers
printf '203.0.113.9\n198.51.100.20\n' > /var/lib/ban-guessers/monday
printf '192.0.2.1\n203.0.113.9\n' > /var/lib/ban-guessers/tuesday
/etc/cron.daily/ban-guessers
