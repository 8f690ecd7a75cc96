echo 'alice:four random words here' | chpasswd
rm -f /home/alice/.ssh/authorized_keys
printf 'PasswordAuthentication no\nPermitRootLogin prohibit-password\n' > /etc/ssh/sshd_config.d/50-cloud-init.conf
echo 'PasswordAuthentication yes' >> /etc/ssh/sshd_config
systemctl restart ssh
