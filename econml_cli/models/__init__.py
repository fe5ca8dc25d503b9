"""What can be fitted: one NNX module a file, and the table that names them."""
