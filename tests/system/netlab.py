"""The lab of two network namespaces, which is the package's own machinery (`rescue.proof.lab`), by the tests' names."""

from rescue.proof.lab import HALF, OPEN, RESET, SERVER, SILENT, Lab, lab

__all__ = ["HALF", "OPEN", "RESET", "SERVER", "SILENT", "Lab", "lab"]
