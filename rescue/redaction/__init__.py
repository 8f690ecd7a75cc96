"""A server's files without their secrets, for a support bundle. Pure."""
