"""What a user asks for, layer by layer: encodings, pins, hand-over, places and routes."""
