"""What is compiled: one epoch, one step of each kind of optimizer, and the solver of a model that is not trained."""
