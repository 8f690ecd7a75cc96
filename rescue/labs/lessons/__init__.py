"""Lessons: scenarios, the lab that is running, its grading, and the ways to bring it up."""
