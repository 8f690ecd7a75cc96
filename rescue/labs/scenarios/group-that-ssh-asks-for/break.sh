groupadd ssh-users
sed -i '/^@include common-account/i account required pam_succeed_if.so quiet_success user ingroup ssh-users' /etc/pam.d/sshd
usermod -aG ssh-users root
