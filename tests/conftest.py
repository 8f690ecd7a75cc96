"""Settings that every tier shares."""

from hypothesis import settings

# A slow machine is no failure: nothing is timed in a test.
settings.register_profile("rescue", deadline=None)
settings.load_profile("rescue")
