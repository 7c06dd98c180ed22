"""Random numbers as MXNet's: generators, distributions, and the streams that devices draw from."""
