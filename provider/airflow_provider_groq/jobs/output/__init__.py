"""What a job lands: answers, and the manifest that accounts for them."""
