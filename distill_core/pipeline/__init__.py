"""The pipeline of a run: its stages, the order they come in, and what each costs.

Empty on purpose: the costs must load without torch.
"""
