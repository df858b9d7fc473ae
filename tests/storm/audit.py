"""What the database itself saw: each change of a slice's status, written down by a trigger of the storm's own.

Which attempt an author believed to hold stands in his statement (`"id":7,"attempt":2`), not in the row. So an attempt
that was superseded and wrote nevertheless is seen here, whatever the code of the service believes.
"""

from sqlalchemy.orm import Session

TABLE = """
CREATE TABLE storm_changes (
    slice_id bigint, before text, after text, attempt int, author_attempt int, lease_left float8, crashes int,
    at timestamptz DEFAULT clock_timestamp())
"""
NOTE = r"""
CREATE FUNCTION storm_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO storm_changes VALUES (
        NEW.id, OLD.status, NEW.status, OLD.attempt,
        substring(current_query() FROM '"id": ?' || NEW.id || ', ?"attempt": ?(\d+)')::int,
        extract(epoch FROM OLD.lease_until - clock_timestamp()), NEW.crashes - OLD.crashes);
    RETURN NULL;
END $$
"""
TRIGGER = """
CREATE TRIGGER storm_note AFTER UPDATE ON slices FOR EACH ROW
WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.outputs::text IS DISTINCT FROM NEW.outputs::text)
EXECUTE FUNCTION storm_note()
"""


def install(session: Session) -> None:
    for statement in TABLE, NOTE, TRIGGER:
        session.connection().exec_driver_sql(statement)


# Who wrote outputs, or let go of a slice, without holding it; and of whom nobody knows, which must not be.
SUPERSEDED = """
SELECT slice_id, attempt, author_attempt FROM storm_changes
WHERE (after IN ('succeeded', 'failed') AND author_attempt IS DISTINCT FROM attempt)
    OR (before = 'running' AND author_attempt <> attempt)
"""
TWICE = """
SELECT slice_id, count(*) FROM storm_changes WHERE after IN ('succeeded', 'failed') GROUP BY 1 HAVING count(*) > 1
"""
TAKEN_FROM_THE_LIVING = "SELECT slice_id, lease_left FROM storm_changes WHERE crashes > 0 AND lease_left > 0"
CRASHES = "SELECT coalesce(sum(crashes), 0) FROM storm_changes WHERE at > to_timestamp(%s)"
