"""Facade that the page, notebooks and the command line share; the front door names what of it is public.

Nothing heavy is imported until a function needs it: listing runs costs no torch.
"""
