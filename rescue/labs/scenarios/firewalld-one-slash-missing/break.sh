firewall-cmd --permanent --add-service=https
sed -i 's|^  <service name="ssh"/>|&\n  <port port="2222" protocol="tcp">|' /etc/firewalld/zones/public.xml
sed -i 's/^#Port 22$/Port 2222/' /etc/ssh/sshd_config
