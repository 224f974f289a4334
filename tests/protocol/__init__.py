"""What is sent, and what an answer means."""
