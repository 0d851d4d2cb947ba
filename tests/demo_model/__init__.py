# Owns the tests of the demo model's tooling and of its shipped files.
