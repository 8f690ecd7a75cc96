echo 'root:four random words here' | chpasswd
rm -f /root/.ssh/authorized_keys
echo 'PermitRootLogin yes' > /etc/ssh/sshd_config.d/root.conf
printf 'console\ntty1\n' > /etc/securetty
sed -i '1i auth required pam_securetty.so' /etc/pam.d/sshd
systemctl restart ssh
