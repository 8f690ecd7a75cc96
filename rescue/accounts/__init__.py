"""Accounts: passwd, shadow, group, sudoers, permissions, and how an account is changed or brought back. Pure."""
