"""What a run will cost before it starts, and the short measurement behind that."""
