groupadd customers
cat >> /etc/ssh/sshd_config <<'CONF'

Match Group customers
    ChrootDirectory /srv/%u
    ForceCommand internal-sftp
    AllowTcpForwarding no
CONF
echo "LoginGraceTime 30" >> /etc/ssh/sshd_config
