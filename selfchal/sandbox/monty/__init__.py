"""The sandbox for machines without a Linux kernel: an interpreter for a subset of Python, in Rust."""
