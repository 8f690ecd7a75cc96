"""Services: systemd units and their order, conditions, tmpfiles, and other init systems. Pure."""
