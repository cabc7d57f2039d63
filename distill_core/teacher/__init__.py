"""The teacher: loading and fine-tuning, guarded against hostile files, and its logits."""
