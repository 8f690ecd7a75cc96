sed -i '/^ssh-/s/^/no-port-forwarding,no-agent-forwarding,no-X11-forwarding,command="echo '"'"'Please login as the user \\"debian\\" rather than the user \\"root\\".'"'"';echo;sleep 1;exit 142" /' /root/.ssh/authorized_keys
userdel --remove alice
rm -f /etc/sudoers.d/alice
