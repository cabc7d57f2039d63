"""Migrations of the store's schema, in the order in which they came."""

from sqlite_utils import Database, Migrations

migrations = Migrations("stillroom")


# Append only: a migration that was shipped is never edited, because files it made are on people's disks.
@migrations()
def m001_runs_events_points(db: Database) -> None:
    """Runs, events and points: the first schema."""
    db.table("runs").create(
        {
            "id": str, "name": str, "note": str, "task": str, "config": str, "summary": str, "status": str,
            "stage": str, "message": str, "trace": str, "owner": str, "ticket": int, "tries": int, "stops": int,
            "hidden": int, "created": float, "started": float, "ended": float,
        },
        pk="id",
        not_null={"name", "note", "task", "config", "status", "stage", "message", "trace", "owner", "ticket", "tries",
                  "stops", "hidden", "created"},
        defaults={"name": "", "note": "", "stage": "", "message": "", "trace": "", "tries": 0, "stops": 0, "hidden": 0},
    )  # fmt: skip
    db.table("runs").create_index(["status"])
    db.table("events").create({"n": int, "run": str, "time": float, "kind": str, "about": str, "body": str}, pk="n")
    db.table("events").create_index(["run"])
    db.table("points").create({"n": int, "run": str, "series": str, "step": int, "value": float}, pk="n")
    db.table("points").create_index(["run", "series", "step"], unique=True)
    db.table("points").create_index(["run"])


@migrations()
def m002_origin(db: Database) -> None:
    """Origin of a run that came from elsewhere."""
    db.table("runs").add_column("origin", str, not_null_default="")


@migrations()
def m003_holder(db: Database) -> None:
    """Holder who may change a run on a public host: a digest of their key."""
    db.table("runs").add_column("holder", str, not_null_default="")


@migrations()
def m004_made(db: Database) -> None:
    """Message data of a run's message as JSON, copied from its event."""
    db.table("runs").add_column("made", str)
    db.execute(
        "UPDATE runs SET made = (SELECT json_extract(body, '$.made') FROM events WHERE run = runs.id AND runs.message "
        "IN (json_extract(body, '$.message'), json_extract(body, '$.text')) ORDER BY n DESC LIMIT 1) "
        "WHERE message != ''"
    )


NAMES = tuple(one.name for one in migrations.pending(Database(memory=True)))  # of all of them, in order
