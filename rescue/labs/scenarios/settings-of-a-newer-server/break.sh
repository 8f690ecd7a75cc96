cat > /etc/ssh/sshd_config.d/20-guessers.conf <<'CONF'
LoginGraceTime 20
MaxAuthTries 4
PerSourcePenalties authfail:30s noauth:10s max:900s
CONF
