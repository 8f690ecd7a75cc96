sed -i '/^account.*requisite.*pam_deny.so/i account\trequired\t\t\tpam_time.so' /etc/pam.d/common-account
