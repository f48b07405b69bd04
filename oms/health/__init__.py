"""Whether this process, its database and its disk work: what load balancers and `doctor` ask."""
