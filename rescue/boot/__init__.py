"""The boot: fstab, boot loader, kernels and initramfs images, and the commands that a person had run at boot. Pure."""
