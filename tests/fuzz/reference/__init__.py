"""An independent MXNet on NumPy in float64: the right answers and their error bounds. It shares no code with ops/."""
