"""What several checks ask of a login: who is judged, what PAM answers, where keys belong, which unit serves SSH. Pure.

Above `rescue.facts`, below the checks: each function takes `Facts` and answers one question about one login.
"""
