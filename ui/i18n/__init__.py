"""Languages of the page."""
