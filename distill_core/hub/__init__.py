"""Hugging Face Hub: models and data sets by id, each step guarded."""
