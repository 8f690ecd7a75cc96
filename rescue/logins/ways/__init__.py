"""Each way to log in, judged on its own: by key, by password, by the questions of PAM."""
