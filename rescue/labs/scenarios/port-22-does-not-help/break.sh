sed -i 's/^SSHD_OPTS=.*/SSHD_OPTS="-p 2222"/' /etc/default/ssh
sed -i 's/^#Port 22$/Port 22/' /etc/ssh/sshd_config
