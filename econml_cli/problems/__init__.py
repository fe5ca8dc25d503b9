"""What a model is fitted to: data and a loss, one problem a file, and the table that names them."""
