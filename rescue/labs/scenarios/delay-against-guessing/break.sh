echo 'alice:four random words here' | chpasswd
rm -f /home/alice/.ssh/authorized_keys
sed -i '/^auth.*pam_deny/i auth optional pam_faildelay.so delay=100000' /etc/pam.d/common-auth
grep -q pam_faildelay /etc/pam.d/common-auth
