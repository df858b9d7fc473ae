"""Makes a database ready for a storm: tables, models, a user, the audit. Prints the user's key."""

from cli.prepare import migrate
from shared import db, keys, users
from tests.storm import audit, models


def main() -> None:
    migrate()
    models.register()
    with db.transaction() as session:
        user = users.create(session, "storm@example.org", "storm")
        key = keys.issue(session, user.id, "storm")
        audit.install(session)
    print(key)


if __name__ == "__main__":
    main()
