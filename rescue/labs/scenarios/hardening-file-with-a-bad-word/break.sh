cat > /etc/ssh/sshd_config.d/99-hardening.conf <<'CONF'
# hardening, as agreed in the team
MaxAuthTries 3
LoginGraceTime 30
PasswordAuthentication none
X11Forwarding no
CONF
