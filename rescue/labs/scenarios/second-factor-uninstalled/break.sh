echo 'alice:four random words here' | chpasswd
rm -f /home/alice/.ssh/authorized_keys
sed -i '/^@include common-auth/a auth required pam_google_authenticator.so' /etc/pam.d/sshd
grep -q pam_google_authenticator /etc/pam.d/sshd
