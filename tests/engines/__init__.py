"""Do the workers of an engine look customers up as one process does, whichever of them is lost?"""
