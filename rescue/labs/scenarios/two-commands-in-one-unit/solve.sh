sed -i '/^.Service/a ExecStart=' /etc/systemd/system/ssh.service.d/override.conf
systemctl daemon-reload
systemctl restart ssh
