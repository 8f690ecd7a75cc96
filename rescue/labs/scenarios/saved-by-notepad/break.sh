sed -i 's/^#MaxAuthTries 6/MaxAuthTries 4/; 1s/^/\xef\xbb\xbf/; s/$/\r/' /etc/ssh/sshd_config
