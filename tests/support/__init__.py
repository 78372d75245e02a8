"""What the tests build on: made-up distributions and a made-up index, independent of the code under test."""
