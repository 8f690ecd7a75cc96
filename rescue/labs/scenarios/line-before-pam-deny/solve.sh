sed -i '/pam_time.so/d' /etc/pam.d/common-account
printf 'account\trequired\tpam_time.so\n' >> /etc/pam.d/common-account
