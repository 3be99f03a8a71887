"""What became of requests, kept until the job is landed."""
