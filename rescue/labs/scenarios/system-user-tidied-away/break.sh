userdel sshd
