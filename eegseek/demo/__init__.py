"""The demo: pictures drawn by the program, a simulated participant, a decoder trained on the spot, a live session."""
