echo ssh >> /etc/securetty
