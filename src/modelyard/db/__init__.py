"""Tables, migrations and sessions. Hides the differences between SQLite and PostgreSQL.

- `Database.session` is a transaction for reading, and for writes that do not depend on a read; `writing` is for writes
  that depend on what they read; `freeing` deletes, and may use the space that `reserve.py` holds back on a full disk.
- A function that writes in one transaction is `retried`: after a conflict it runs again and reads the new rows.
- Sessions are short. Nothing waits for a network or a process inside one.

To change the tables, edit `tables.py`, write a migration in `migrations/versions/`, and set `HEAD` in `session.py`.
Released migrations are never edited. A test compares the tables with the migrations, on both databases."""
