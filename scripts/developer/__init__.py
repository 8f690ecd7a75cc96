"""Programs for developers, run by the scripts beside this folder; not part of the package."""
