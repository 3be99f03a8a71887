"""The trigger: a wait that holds no worker."""
