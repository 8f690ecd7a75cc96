groupadd admins
echo '+:(admins):ALL' >> /etc/security/access.conf
echo '-:ALL EXCEPT root:ALL' >> /etc/security/access.conf
sed -i 's/^# account  required     pam_access.so/account  required     pam_access.so/' /etc/pam.d/sshd
