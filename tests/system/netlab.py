"""The lab of two network namespaces (`rescue.kernel_check.lab`), by the tests' names."""

from rescue.kernel_check.lab import HALF, OPEN, RESET, SERVER, SILENT, PacketLab, lab

__all__ = ["HALF", "OPEN", "RESET", "SERVER", "SILENT", "PacketLab", "lab"]
