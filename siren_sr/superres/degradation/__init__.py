"""How an image came about, as far as the image itself tells: its noise, and the blur that made it small."""
