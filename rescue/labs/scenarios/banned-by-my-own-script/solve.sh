sed -i /192.0.2.1/d /var/lib/ban-guessers/tuesday
sed -i /192.0.2.1/d /etc/hosts.deny
