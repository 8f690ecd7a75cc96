printf 'sshd: 203.0.113.\n' >> /etc/hosts.allow
printf 'ALL: ALL\n' >> /etc/hosts.deny
