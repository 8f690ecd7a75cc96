sed -i s/hmac-ripemd160-etm@openssh.com,// /etc/ssh/sshd_config.d/10-crypto.conf
systemctl restart ssh
