"""Numbers of other libraries, made by the scripts beside them."""
