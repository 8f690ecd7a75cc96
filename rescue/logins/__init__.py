"""What several checks need about a login: whom to judge, PAM's answer, where keys belong, which unit serves SSH. Pure.

Above `rescue.facts`, below the checks: each function takes `Facts` and answers one question about one login.
"""
