"""The presenter: pictures on the screen, their onsets on LSL."""
