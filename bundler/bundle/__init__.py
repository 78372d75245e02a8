"""The bundle file: manifest, container, writer, reader, and the program that travels inside."""
