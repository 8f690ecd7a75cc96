sed -i /pam_tally2/d /etc/pam.d/sshd
