echo "TODO: what a person would type in a web console, in ten lines at most" >&2
exit 1
