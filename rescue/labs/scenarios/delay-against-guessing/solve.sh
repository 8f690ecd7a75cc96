sed -i '/pam_unix/s/success=1/success=2/' /etc/pam.d/common-auth
