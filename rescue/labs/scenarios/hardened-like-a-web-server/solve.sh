sed -i 's/^ProtectHome=yes/ProtectHome=read-only/' /etc/systemd/system/ssh.service.d/hardening.conf
