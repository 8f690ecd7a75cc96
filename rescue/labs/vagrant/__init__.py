"""The lab's machines under Vagrant."""
