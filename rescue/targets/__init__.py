"""A server's files, wherever they are (directory, disk, image, running system), and how they are captured."""
