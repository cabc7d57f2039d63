"""Students behind an HTTP server."""
