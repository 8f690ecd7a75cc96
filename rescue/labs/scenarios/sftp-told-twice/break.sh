cat > /etc/ssh/sshd_config.d/25-sftp.conf <<'CONF'
# log what is uploaded
Subsystem sftp internal-sftp -l INFO
CONF
