useradd -r -g nogroup -d /run/sshd -s /usr/sbin/nologin sshd
systemctl restart ssh
