"""What ours is measured against: published algorithms, written as plainly as they read."""
