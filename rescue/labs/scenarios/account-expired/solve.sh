chage -E -1 alice
