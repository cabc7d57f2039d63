"""Pipeline of a run: its stages, their order, and the cost of each.

Empty on purpose: the costs must load without torch.
"""
