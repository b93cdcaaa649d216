"""What one kind of file needs beside Pillow's decoder."""
