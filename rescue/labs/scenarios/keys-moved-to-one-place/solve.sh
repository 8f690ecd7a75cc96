chmod 755 /etc/ssh/keys
chmod 644 /etc/ssh/keys/alice
