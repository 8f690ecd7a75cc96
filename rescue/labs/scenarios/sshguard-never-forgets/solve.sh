sed -i '/|192\.0\.2\.1$/d' /var/lib/sshguard/blacklist.db
systemctl restart sshguard
