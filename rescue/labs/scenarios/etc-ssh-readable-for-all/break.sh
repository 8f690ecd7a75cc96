chmod -R a+rX /etc/ssh
