"""Access to runs: who may see and change what, where strangers share a page."""
