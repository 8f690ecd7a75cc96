echo 'alice:four random words here' | chpasswd
rm -f /home/alice/.ssh/authorized_keys
: > /etc/pam.d/common-auth
