"""Many fits in one process: requests, groups that train as one, and the threads that advance them."""
