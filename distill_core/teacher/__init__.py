"""The teacher: loaded or fine-tuned, guarded against hostile files, and asked for its logits."""
