mkdir -p /opt/settings/ssh
echo "X11Forwarding no" > /opt/settings/ssh/company.conf
ln -s /opt/settings/ssh/company.conf /etc/ssh/sshd_config.d/90-company.conf
rm -r /opt/settings
