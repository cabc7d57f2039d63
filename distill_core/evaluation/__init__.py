"""Evaluation: metrics, significance, calibration, speed, and the comparison that is made of them."""
