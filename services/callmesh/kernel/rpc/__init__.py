"""gRPC as every service uses it: one edge interceptor, one error mapping, one way to make a server
and a channel. Status codes stand nowhere else."""
