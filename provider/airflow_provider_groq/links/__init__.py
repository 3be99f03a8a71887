"""The link from a task to its batch on Groq's console."""
