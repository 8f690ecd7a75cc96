sed -i /pam_google_authenticator/d /etc/pam.d/sshd
