userdel alice
