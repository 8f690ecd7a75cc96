mkdir -p /etc/systemd/system/ssh.service.d
printf '[Service]\nPrivateTmp=yes\nProtectSystem=full\nProtectHome=yes\nProtectKernelTunables=yes\n' > /etc/systemd/system/ssh.service.d/hardening.conf
