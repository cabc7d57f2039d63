"""The tabs of the five steps."""


def open_tab_js(step: str) -> str:
    """JavaScript that opens a step's tab in the browser itself: the server has nothing to say to it."""
    return f"() => ({{ __type__: 'update', selected: '{step}' }})"
