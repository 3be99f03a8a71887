"""What requests and answers cost."""
