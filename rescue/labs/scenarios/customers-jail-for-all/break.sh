cat > /etc/ssh/sshd_config.d/35-jail.conf <<'CONF'
Match User alice
    ChrootDirectory %h
CONF
