"""The nouns of the design as protocols and dataclasses, and the loop over them; imports no plugin."""
