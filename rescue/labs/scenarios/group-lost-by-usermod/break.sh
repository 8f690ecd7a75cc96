groupadd sshusers
usermod --append --groups sshusers alice
echo "AllowGroups root sshusers" > /etc/ssh/sshd_config.d/50-groups.conf
groupadd docker
usermod --groups sudo,docker alice
