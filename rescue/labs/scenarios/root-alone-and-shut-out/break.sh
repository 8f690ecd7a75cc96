userdel --remove alice
rm -f /etc/sudoers.d/alice
sed -i 's/^#PermitRootLogin prohibit-password/PermitRootLogin no/' /etc/ssh/sshd_config
