"""Who may see and change what, where strangers share a page."""
