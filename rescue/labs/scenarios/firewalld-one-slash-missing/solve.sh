sed -i 's|\(<port port="2222" protocol="tcp"\)>|\1/>|' /etc/firewalld/zones/public.xml
firewall-cmd --reload
