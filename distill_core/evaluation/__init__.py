"""Evaluation of models: metrics, significance, calibration, speed, and the comparison made of them."""
