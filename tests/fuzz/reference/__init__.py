"""An independent MXNet on NumPy in float64: what programs must answer, and how exactly. It shares no code with ops/."""
