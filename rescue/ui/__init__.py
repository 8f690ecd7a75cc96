"""How things look: the terminal's report, documents for programs, diffs and questions."""
