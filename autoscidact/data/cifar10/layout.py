"""What CIFAR-10 is: its classes, and where it is published."""

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""In the order of their labels in the published files."""

SIZE = 32
"""Edge of its images in pixels."""

ARCHIVE = "cifar-10-python.tar.gz"
URL = f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}"
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"

CIFAR5M = "cifar5m"
"""Pool of images of CIFAR-5m."""
