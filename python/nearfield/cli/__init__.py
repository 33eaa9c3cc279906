"""The command line: parses, calls, prints; no maths. Needs ``nearfield[cli]``."""
