"""MXNet's random numbers: generators, distributions, and the streams of a process."""
