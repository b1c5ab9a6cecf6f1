"""What is said outside of any call: so far only the question whether somebody is there."""
