"""What runs on the untrusted side: standard library only, started by a bare interpreter.

The host imports ``wire`` and ``spawn`` from here too, so that both sides speak one protocol; nothing in
this folder may import anything outside it but the standard library.
"""
