sed -i '/@include common-account/i account    required     pam_tally2.so' /etc/pam.d/sshd
