"""The comparison of a run as pieces of the page: each takes the run's summary and gives HTML or a figure. A summary
from before something was measured lacks its keys, and the piece then shows what there is.
"""
