cscli decisions delete --ip 192.0.2.1
