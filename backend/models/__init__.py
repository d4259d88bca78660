"""The models: a catalogue, where they come from, and what a file says about itself."""
