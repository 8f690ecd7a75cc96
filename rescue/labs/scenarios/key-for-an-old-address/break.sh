sed -i 's/^ssh-/from="203.0.113.5" ssh-/' /home/alice/.ssh/authorized_keys
