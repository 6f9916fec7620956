"""The attack suite: what hostile code would try, as data, and a runner for any sandbox (``attacks.run``)."""
