"""What JPEG compression leaves of an image, and all images of which it leaves a given file."""
