"""From a private source tree to a model that knows it: the data set, and the training."""
