"""Rolling faster than the plain scan: chunks of steps, and lean derivatives."""
