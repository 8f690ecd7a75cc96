sed -i 's,^#AuthorizedKeysFile.*,AuthorizedKeysFile .ssh/authorised_keys,' /etc/ssh/sshd_config
