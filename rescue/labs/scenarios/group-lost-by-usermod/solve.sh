gpasswd -a alice sshusers
