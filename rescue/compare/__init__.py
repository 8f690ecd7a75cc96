"""Two states of one server: who gained and who lost access, and the smallest set of changes that did it."""
