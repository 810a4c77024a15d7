"""Small mistakes made in a file by rule, to see which of them a lab's check lets through."""
