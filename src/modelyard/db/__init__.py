"""Tables, migrations and sessions. The differences between SQLite and PostgreSQL end here.

- `Database.session` is a transaction for reading, and for writes that need no look before; `writing` is for writes
  that depend on what they read; `freeing` deletes, and may use the room that `reserve.py` keeps on a full disk.
- A function that writes in one transaction is `retried`: where two writers meet, it runs again on what is there.
- Sessions are short. Nothing waits for a network or a process inside one.

To change the tables, edit `tables.py`, write a migration in `migrations/versions/`, and set `HEAD` in `session.py`.
Released migrations are never edited. A test holds the tables and the migrations to each other, on both databases."""
