"""What is asked, how a client is configured and how a lookup ends: values in, values out."""
