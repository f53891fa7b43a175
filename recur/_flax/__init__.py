"""What the modules of Linen and NNX share."""
