pam-auth-update --package --force
