"""Training plans: the declared facts of what a plan may name, its reading, and its static checks."""
