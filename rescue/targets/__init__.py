"""A server's root, wherever it is: a directory, a disk, an image, the running system; and how it is captured."""
