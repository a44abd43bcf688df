"""Who is who within one recording: a face's descriptor, following faces, naming people."""
