chage -d 2026-01-01 alice
