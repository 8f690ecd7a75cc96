cscli decisions add --ip 203.0.113.9 --duration 4h --reason "crowdsecurity/ssh-bf"
cscli decisions add --ip 192.0.2.1 --duration 2400h --reason "asks for SSH every ten seconds"
