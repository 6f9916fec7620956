"""The embedded sandbox on Linux: forked children of a bare interpreter behind the kernel's own walls."""
