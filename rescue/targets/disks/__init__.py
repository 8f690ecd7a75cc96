"""What disks hold: partitions, volumes, arrays, encrypted volumes, images, file systems."""
